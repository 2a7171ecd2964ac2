"""MLP-Mixer (arXiv 2105.01601), Mixer-S with patches for small images."""

import keras
from keras import layers

from examples.models.blocks import divided
from examples.models.blocks import mlp

# Height and width of a patch in pixels: CIFAR-10 becomes 64 tokens.
_PATCH = 4


def mlp_mixer(shape=(32, 32, 3), classes=10, scale=1):
    """Returns the network, with logits.

    Args:
        shape: See `vgg_16`; height and width are multiples of 4.
        classes: See `vgg_16`.
        scale: See `vgg_16`; it divides all widths.
    """
    width = 512 // scale
    inputs = keras.Input(shape)
    x = layers.Conv2D(width, _PATCH, _PATCH, name="patches")(inputs)
    x = layers.Reshape((-1, width))(x)
    for block in range(1, divided(8, scale) + 1):
        name = f"block{block}"
        y = layers.LayerNormalization(name=f"{name}_tokens_norm")(x)
        y = layers.Permute((2, 1))(y)
        y = mlp(y, 256 // scale, name=f"{name}_tokens")
        x = layers.Add()([x, layers.Permute((2, 1))(y)])
        y = layers.LayerNormalization(name=f"{name}_channels_norm")(x)
        y = mlp(y, 2048 // scale, name=f"{name}_channels")
        x = layers.Add()([x, y])
    x = layers.LayerNormalization(name="norm")(x)
    x = layers.GlobalAveragePooling1D()(x)
    x = layers.Dense(classes, name="logits")(x)
    return keras.Model(inputs, x, name="mlp_mixer")
