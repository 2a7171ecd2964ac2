"""MobileNetV2 (arXiv 1801.04381), with fewer strides for small images."""

import keras
from keras import layers

from examples.models.blocks import batch_norm
from examples.models.blocks import convolution
from examples.models.blocks import divided

# Expansion, filters, blocks, stride.
_STAGES = (
    (1, 16, 1, 1),
    (6, 24, 2, 1),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)


def mobilenet_v2(shape=(32, 32, 3), classes=10, scale=1):
    """Returns the network, with logits. See `vgg_16` for the arguments."""
    inputs = keras.Input(shape)
    x = convolution(inputs, 32 // scale, 3, name="stem")
    for stage, (expansion, filters, count, stride) in enumerate(_STAGES, 1):
        for block in range(divided(count, scale)):
            x = _inverted(
                x,
                expansion,
                filters // scale,
                1 if block else stride,
                name=f"stage{stage}_block{block + 1}",
            )
    x = convolution(x, 1280 // scale, 1, name="top")
    x = layers.GlobalAveragePooling2D()(x)
    x = layers.Dense(classes, name="logits")(x)
    return keras.Model(inputs, x, name="mobilenet_v2")


def _inverted(x, expansion, filters, stride, *, name):
    y = x
    if expansion > 1:
        y = convolution(
            y, expansion * x.shape[-1], 1, 1, "relu6", name=f"{name}_expand"
        )
    y = layers.DepthwiseConv2D(
        3, stride, padding="same", use_bias=False, name=f"{name}_depthwise"
    )(y)
    y = batch_norm(name=f"{name}_depthwise_norm")(y)
    y = layers.Activation("relu6", name=f"{name}_depthwise_relu6")(y)
    y = convolution(y, filters, 1, activation=None, name=f"{name}_project")
    if stride == 1 and x.shape[-1] == filters:
        y = layers.Add()([x, y])
    return y
