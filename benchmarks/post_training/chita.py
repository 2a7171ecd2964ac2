"""The networks of CHITA's benchmark (arXiv 2302.14623), with their weights.

The weights are arrays in Keras's layouts, by the names that
github.com/mazumder-lab/CHITA gives them.
"""

import pathlib

import keras
import numpy as np
from keras import layers


def mlpnet(models_dir):
    """Returns MLPNet for MNIST, 784-40-20-10 without biases, with logits.

    Args:
        models_dir: Folder with `chita/mlpnet.npz`.
    """
    return _with_weights(_mlpnet(), models_dir, "mlpnet.npz")


def resnet_20(models_dir):
    """Returns ResNet-20 for CIFAR-10 with convolutions as shortcuts.

    Args:
        models_dir: Folder with `chita/resnet20.npz`.
    """
    return _with_weights(_resnet_20(), models_dir, "resnet20.npz")


def _mlpnet():
    inputs = keras.Input((28, 28, 1))
    x = layers.Flatten()(inputs)
    for name, width in (("fc1", 40), ("fc2", 20)):
        x = layers.Dense(width, "relu", use_bias=False, name=name)(x)
    x = layers.Dense(10, use_bias=False, name="fc3")(x)
    return keras.Model(inputs, x, name="mlpnet")


def _resnet_20():
    inputs = keras.Input((32, 32, 3))
    x = layers.ReLU()(_convolution(inputs, 16, 1, "conv1", "bn1"))
    for stage, filters in enumerate((16, 32, 64), start=1):
        for block in range(3):
            name = f"layer{stage}_{block}_"
            shortcut, stride = x, 1
            if stage > 1 and block == 0:
                stride = 2
                shortcut = layers.Conv2D(
                    filters, 1, 2, use_bias=False, name=name + "downsample_0"
                )(x)
                shortcut = _norm(name + "downsample_1")(shortcut)
            names = name + "conv1", name + "bn1"
            y = layers.ReLU()(_convolution(x, filters, stride, *names))
            y = _convolution(y, filters, 1, name + "conv2", name + "bn2")
            x = layers.ReLU()(layers.Add()([y, shortcut]))
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, layers.Dense(10, name="fc")(x), name="resnet_20")


def _convolution(x, filters, stride, name, norm):
    # With a stride, "same" would not pad all sides equally.
    x = layers.ZeroPadding2D(1)(x) if stride == 2 else x
    padding = "valid" if stride == 2 else "same"
    x = layers.Conv2D(
        filters, 3, stride, padding=padding, use_bias=False, name=name
    )(x)
    return _norm(norm)(x)


def _norm(name):
    return layers.BatchNormalization(epsilon=1e-5, name=name)


def _with_weights(model, models_dir, file):
    with np.load(pathlib.Path(models_dir, "chita", file)) as arrays:
        for layer in model.layers:
            name = layer.name.replace("_", ".")
            if isinstance(layer, layers.BatchNormalization):
                parts = ("weight", "bias", "running_mean", "running_var")
            elif isinstance(layer, (layers.Conv2D, layers.Dense)):
                parts = ("weight", "bias")[: len(layer.weights)]
            else:
                continue
            if name in arrays:
                layer.set_weights([arrays[name]])
            else:
                layer.set_weights([arrays[f"{name}.{p}"] for p in parts])
    return model
