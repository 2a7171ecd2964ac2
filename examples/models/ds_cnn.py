"""DS-CNN for keywords in speech (arXiv 1711.07128)."""

import keras
from keras import layers

from examples.models.blocks import convolution
from examples.models.blocks import separable


def ds_cnn(shape, classes, filters=64, blocks=4):
    """Returns the network, with logits.

    Args:
        shape: Tuple, frames and frequency bands of a spectrogram.
        classes: Integer.
        filters: Integer. Defaults to `64`, the paper's small network.
        blocks: Integer. Defaults to `4`.
    """
    inputs = keras.Input(shape)
    x = layers.Reshape((*shape, 1))(inputs)
    x = convolution(x, filters, (10, 4), 2, name="stem")
    for block in range(1, blocks + 1):
        x = separable(x, filters, name=f"block{block}")
    x = layers.GlobalAveragePooling2D()(x)
    x = layers.Dense(classes, name="logits")(x)
    return keras.Model(inputs, x, name="ds_cnn")
