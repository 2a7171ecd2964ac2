"""Checks that a model can be pruned: a built Keras 3 model with weights."""

import keras

from keras_slr.keras_internals.layers import is_of_keras_2
from keras_slr.keras_internals.layers import layers_of


def check_model(model):
    """Raises if `model` is not a Keras 3 model.

    Raises:
        TypeError: If it is something else; the message names the type.
    """
    if isinstance(model, keras.Model):
        return
    if any(is_of_keras_2(kind) for kind in type(model).__mro__):
        raise TypeError(
            "Expected a Keras 3 model (`keras.Model`). Received a Keras 2 "
            f"(tf_keras) model of type {type(model).__name__}: rebuild it "
            "with `keras` instead of `tf_keras`, or save it as `.h5` and "
            "load that with `keras.models.load_model`."
        )
    if isinstance(model, keras.layers.Layer):
        raise TypeError(
            "Expected a Keras 3 model (`keras.Model`). Received the layer "
            f"`{model.name}` of type {type(model).__name__}: pass the model "
            "that it is part of, or `keras.Sequential([layer])`."
        )
    raise TypeError(
        "Expected a Keras 3 model (`keras.Model`). Received: "
        f"{type(model).__name__}."
    )


def check_built(model):
    """Raises a `ValueError` if the model has no weights, or none yet."""
    layers_built = all(layer.built for layer in layers_of(model))
    if layers_built and not model.variables:
        raise ValueError(
            f"Expected a model with weights. Received `{model.name}`, whose "
            "layers have none."
        )
    if not model.built or not model.variables:
        raise ValueError(
            f"Expected a built model. Received `{model.name}`, whose weights "
            "do not exist yet: call it on a batch of data or "
            "`model.build(input_shape)` first."
        )
