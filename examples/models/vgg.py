"""VGG-16 (arXiv 1409.1556), with batch norm and one dense layer."""

import keras
from keras import layers

from examples.models.blocks import convolution
from examples.models.blocks import divided

_STAGES = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))


def vgg_16(shape=(32, 32, 3), classes=10, scale=1):
    """Returns the network, with logits.

    Args:
        shape: Tuple, height, width and channels. Height and width are
            multiples of 32. Defaults to the shape of CIFAR-10.
        classes: Integer. Defaults to `10`.
        scale: Integer that divides the numbers of filters and blocks.
            Defaults to `1`, the published network.
    """
    inputs = x = keras.Input(shape)
    for stage, (filters, count) in enumerate(_STAGES, start=1):
        for block in range(1, divided(count, scale) + 1):
            name = f"stage{stage}_conv{block}"
            x = convolution(x, filters // scale, 3, name=name)
        x = layers.MaxPooling2D(name=f"stage{stage}_pool")(x)
    x = layers.Dense(classes, name="logits")(layers.Flatten()(x))
    return keras.Model(inputs, x, name="vgg_16")
