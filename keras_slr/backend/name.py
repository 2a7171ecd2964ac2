"""The name of the backend in use."""

import keras

BACKEND = keras.config.backend()
