"""The networks that the benchmarks train."""

import keras
from keras import layers


def lenet_300_100():
    """LeNet-300-100 for MNIST, with logits."""
    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Flatten(),
            layers.Dense(300, activation="relu", name="dense_300"),
            layers.Dense(100, activation="relu", name="dense_100"),
            layers.Dense(10, name="logits"),
        ]
    )


def wide_mlp():
    """784-2048-2048-10: much weight traffic and little arithmetic a step."""
    return keras.Sequential(
        [
            keras.Input((784,)),
            layers.Dense(2048, activation="relu"),
            layers.Dense(2048, activation="relu"),
            layers.Dense(10),
        ]
    )


def resnet_20():
    """ResNet-20 for CIFAR-10 (arXiv 1512.03385, section 4.2), with logits."""

    def convolution(x, filters, stride=1):
        x = layers.Conv2D(filters, 3, stride, padding="same", use_bias=False)(x)
        return layers.BatchNormalization()(x)

    inputs = keras.Input((32, 32, 3))
    x = layers.ReLU()(convolution(inputs, 16))
    for filters in (16, 32, 64):
        for block in range(3):
            stride = 2 if filters > 16 and block == 0 else 1
            shortcut = x
            if stride == 2:
                shortcut = layers.Conv2D(filters, 1, 2, use_bias=False)(x)
                shortcut = layers.BatchNormalization()(shortcut)
            x = layers.ReLU()(convolution(x, filters, stride))
            x = layers.Add()([convolution(x, filters), shortcut])
            x = layers.ReLU()(x)
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, layers.Dense(10)(x))
