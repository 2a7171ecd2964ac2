"""Networks for CIFAR-10 of the sizes that are trained on GPUs, with logits.

Each takes `scale`, an integer that divides its numbers of filters and of
blocks a stage: one for the network as published, more for a small one of the
same kind.
"""

import keras
from keras import layers


def resnet_18(scale=1):
    """ResNet-18 (arXiv 1512.03385), the stem that of its nets for CIFAR."""
    return _resnet("resnet_18", _basic, (2, 2, 2, 2), scale)


def resnet_50(scale=1):
    """ResNet-50 (arXiv 1512.03385), the stem that of its nets for CIFAR."""
    return _resnet("resnet_50", _bottleneck, (3, 4, 6, 3), scale)


def vgg_16(scale=1):
    """VGG-16 (arXiv 1409.1556) with batch norm and one dense layer."""
    inputs = x = keras.Input((32, 32, 3))
    stages = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))
    for filters, count in stages:
        for _ in range(_blocks(count, scale)):
            x = _convolution(x, filters // scale, 3)
        x = layers.MaxPooling2D()(x)
    x = layers.Dense(10)(layers.Flatten()(x))
    return keras.Model(inputs, x, name="vgg_16")


def mobilenet_v2(scale=1):
    """MobileNetV2 (arXiv 1801.04381), strides left out for small images."""
    inputs = keras.Input((32, 32, 3))
    x = _convolution(inputs, 32 // scale, 3)
    # Expansion, filters, blocks, stride.
    stages = (
        (1, 16, 1, 1),
        (6, 24, 2, 1),
        (6, 32, 3, 2),
        (6, 64, 4, 2),
        (6, 96, 3, 1),
        (6, 160, 3, 2),
        (6, 320, 1, 1),
    )
    for expansion, filters, count, stride in stages:
        for block in range(_blocks(count, scale)):
            x = _inverted(
                x, expansion, filters // scale, 1 if block else stride
            )
    x = _convolution(x, 1280 // scale, 1)
    x = layers.Dense(10)(layers.GlobalAveragePooling2D()(x))
    return keras.Model(inputs, x, name="mobilenet_v2")


def _resnet(name, block, counts, scale):
    inputs = keras.Input((32, 32, 3))
    x = _convolution(inputs, 64 // scale, 3)
    for stage, count in enumerate(counts):
        for place in range(_blocks(count, scale)):
            stride = 2 if stage and not place else 1
            x = block(x, (64 << stage) // scale, stride)
    x = layers.Dense(10)(layers.GlobalAveragePooling2D()(x))
    return keras.Model(inputs, x, name=name)


def _basic(x, filters, stride):
    y = _convolution(x, filters, 3, stride)
    y = _convolution(y, filters, 3, activation=None)
    return layers.ReLU()(layers.Add()([y, _shortcut(x, filters, stride)]))


def _bottleneck(x, filters, stride):
    y = _convolution(x, filters, 1)
    y = _convolution(y, filters, 3, stride)
    y = _convolution(y, 4 * filters, 1, activation=None)
    return layers.ReLU()(layers.Add()([y, _shortcut(x, 4 * filters, stride)]))


def _inverted(x, expansion, filters, stride):
    y = x
    if expansion > 1:
        y = _convolution(y, expansion * x.shape[-1], 1, activation="relu6")
    y = layers.DepthwiseConv2D(3, stride, padding="same", use_bias=False)(y)
    y = layers.Activation("relu6")(layers.BatchNormalization()(y))
    y = _convolution(y, filters, 1, activation=None)
    if stride == 1 and x.shape[-1] == filters:
        y = layers.Add()([x, y])
    return y


def _shortcut(x, filters, stride):
    if stride == 1 and x.shape[-1] == filters:
        return x
    return _convolution(x, filters, 1, stride, activation=None)


def _convolution(x, filters, size, stride=1, activation="relu"):
    """Convolution without bias, batch norm, activation."""
    x = layers.Conv2D(filters, size, stride, padding="same", use_bias=False)(x)
    return layers.Activation(activation)(layers.BatchNormalization()(x))


def _blocks(count, scale):
    return max(count // scale, 1)
