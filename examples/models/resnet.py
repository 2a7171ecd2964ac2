"""ResNet-18 and ResNet-50 (arXiv 1512.03385), for small and large images."""

import keras
from keras import layers

from examples.models.blocks import convolution
from examples.models.blocks import divided

# The stem keeps the size of images with fewer pixels per side, as in the
# paper's networks for CIFAR.
_LARGE = 128


def resnet_18(shape=(32, 32, 3), classes=10, scale=1):
    """Returns ResNet-18 with logits. See `vgg_16` for the arguments."""
    return _classifier("resnet_18", basic, (2, 2, 2, 2), shape, classes, scale)


def resnet_50(shape=(32, 32, 3), classes=10, scale=1):
    """Returns ResNet-50 with logits. See `vgg_16` for the arguments."""
    return _classifier(
        "resnet_50", bottleneck, (3, 4, 6, 3), shape, classes, scale
    )


def trunk(x, block, counts, scale=1, dilated=False):
    """Returns the features of a residual network at four resolutions.

    Args:
        x: Keras tensor of `(batch, height, width, channels)`.
        block: Function, `basic` or `bottleneck`.
        counts: Tuple of four integers, blocks in each stage.
        scale: See `vgg_16`. Defaults to `1`.
        dilated: Boolean, whether the last stage keeps the resolution of the
            one before it and dilates its windows instead, as in DeepLab
            (arXiv 1802.02611). Defaults to `False`.

    Returns:
        List of four Keras tensors. Each has half the height and width of the
        one before it. The first has a quarter of the height and width of a
        large image, or the full size of a small one.
    """
    if min(x.shape[1:3]) >= _LARGE:
        x = convolution(x, 64 // scale, 7, 2, name="stem")
        x = layers.MaxPooling2D(3, 2, padding="same", name="stem_pool")(x)
    else:
        x = convolution(x, 64 // scale, 3, name="stem")
    features = []
    for stage, count in enumerate(counts):
        widened = dilated and stage == len(counts) - 1
        for place in range(divided(count, scale)):
            halved = stage and not place and not widened
            x = block(
                x,
                (64 << stage) // scale,
                2 if halved else 1,
                2 if widened else 1,
                name=f"stage{stage + 1}_block{place + 1}",
            )
        features.append(x)
    return features


def basic(x, filters, stride=1, dilation=1, *, name):
    """Two 3x3 convolutions with a shortcut."""
    window = {"size": 3, "dilation": dilation}
    y = convolution(x, filters, stride=stride, **window, name=f"{name}_conv1")
    y = convolution(y, filters, activation=None, **window, name=f"{name}_conv2")
    return _joined(x, y, stride, name)


def bottleneck(x, filters, stride=1, dilation=1, *, name):
    """A 3x3 convolution between two 1x1 convolutions, with a shortcut."""
    y = convolution(x, filters, 1, name=f"{name}_conv1")
    y = convolution(
        y, filters, 3, stride, dilation=dilation, name=f"{name}_conv2"
    )
    y = convolution(y, 4 * filters, 1, activation=None, name=f"{name}_conv3")
    return _joined(x, y, stride, name)


def _joined(x, y, stride, name):
    """Adds the shortcut in the size of the other branch."""
    if stride > 1:
        # Pooling takes every second pixel. A 1x1 convolution with a stride and
        # few channels crashes PyTorch 2.13 on CPUs.
        x = layers.MaxPooling2D(1, stride, name=f"{name}_pixels")(x)
    if x.shape[-1] != y.shape[-1]:
        x = convolution(
            x, y.shape[-1], 1, activation=None, name=f"{name}_shortcut"
        )
    return layers.ReLU(name=f"{name}_relu")(layers.Add()([x, y]))


def _classifier(name, block, counts, shape, classes, scale):
    inputs = keras.Input(shape)
    x = trunk(inputs, block, counts, scale)[-1]
    x = layers.GlobalAveragePooling2D()(x)
    x = layers.Dense(classes, name="logits")(x)
    return keras.Model(inputs, x, name=name)
