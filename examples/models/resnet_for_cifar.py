"""ResNet-20, -56 and -110 for CIFAR (arXiv 1512.03385, section 4.2)."""

import functools

import keras
from keras import layers

from examples.models.blocks import divided


def resnet_for_cifar(blocks, shape=(32, 32, 3), classes=10, scale=1):
    """Returns a ResNet of `6 blocks + 2` layers, with logits.

    Shortcuts are the paper's option A: a shortcut into a wider stage takes
    every second pixel and pads with zero channels.

    Args:
        blocks: Integer, blocks in each of the three stages.
        shape: See `vgg_16`; height and width are multiples of 4.
        classes: See `vgg_16`.
        scale: See `vgg_16`.
    """
    inputs = keras.Input(shape)
    x = layers.ReLU()(_convolution(inputs, 16 // scale, 1, "conv1"))
    for stage, width in enumerate((16, 32, 64), start=1):
        filters = width // scale
        for block in range(divided(blocks, scale)):
            name = f"layer{stage}_{block}_conv"
            shortcut, stride = x, 1
            if stage > 1 and block == 0:
                stride = 2
                shortcut = _widened(x, filters // 4)
            y = layers.ReLU()(_convolution(x, filters, stride, name + "1"))
            y = _convolution(y, filters, 1, name + "2")
            x = layers.ReLU()(layers.Add()([y, shortcut]))
    x = layers.GlobalAveragePooling2D()(x)
    x = layers.Dense(classes, name="linear")(x)
    return keras.Model(inputs, x, name=f"resnet_{6 * blocks + 2}")


resnet_20 = functools.partial(resnet_for_cifar, 3)
resnet_56 = functools.partial(resnet_for_cifar, 9)
resnet_110 = functools.partial(resnet_for_cifar, 18)


def load_torch_weights(model, arrays):
    """Loads PyTorch weights into a `resnet_for_cifar`.

    Args:
        model: `resnet_for_cifar`.
        arrays: Dict of NumPy arrays by PyTorch's names.

    Returns:
        The model.
    """
    for layer in model.layers:
        name = layer.name.replace("_", ".")
        if isinstance(layer, layers.Conv2D):
            kernel = arrays[f"{name}.weight"]
            layer.set_weights([kernel.transpose(2, 3, 1, 0)])
        elif isinstance(layer, layers.BatchNormalization):
            names = ("weight", "bias", "running_mean", "running_var")
            layer.set_weights([arrays[f"{name}.{n}"] for n in names])
        elif isinstance(layer, layers.Dense):
            layer.set_weights(
                [arrays["linear.weight"].T, arrays["linear.bias"]]
            )
    return model


def _convolution(x, filters, stride, name):
    # With a stride, "same" would not pad all sides equally.
    if stride == 2:
        x = layers.ZeroPadding2D(1)(x)
    padding = "valid" if stride == 2 else "same"
    x = layers.Conv2D(
        filters, 3, stride, padding=padding, use_bias=False, name=name
    )(x)
    name = name.replace("conv", "bn")
    return layers.BatchNormalization(epsilon=1e-5, name=name)(x)


def _widened(x, zeros):
    """Returns every second pixel, with zero channels before and after."""
    x = layers.MaxPooling2D(1, 2)(x)
    # Padding of the width, of a tensor whose channels take its place.
    x = layers.Permute((1, 3, 2))(x)
    x = layers.ZeroPadding2D((0, zeros))(x)
    return layers.Permute((1, 3, 2))(x)
