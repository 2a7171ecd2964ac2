"""The networks that the benchmarks train.

Those with an argument `keras` can be built in `tf_keras`, too.
"""

import keras
from keras import layers


def lenet_300_100(keras=keras):
    """LeNet-300-100 for MNIST, with logits."""
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Flatten(),
            layers.Dense(300, activation="relu", name="dense_300"),
            layers.Dense(100, activation="relu", name="dense_100"),
            layers.Dense(10, name="logits"),
        ],
        name="lenet_300_100",
    )


def lenet_5():
    """LeNet-5 (LeCun et al., 1998) with ReLU and max-pooling, with logits."""
    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(6, 5, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(16, 5, activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(120, activation="relu"),
            layers.Dense(84, activation="relu"),
            layers.Dense(10, name="logits"),
        ],
        name="lenet_5",
    )


def lenet_300_100_normalized():
    """LeNet-300-100 with batch normalization, with logits."""
    model = keras.Sequential(
        [keras.Input((28, 28, 1)), layers.Flatten()],
        name="lenet_300_100_normalized",
    )
    for units in (300, 100):
        _add_normalized(model, layers.Dense(units, use_bias=False))
    model.add(layers.Dense(10))
    return model


def lenet_5_normalized():
    """LeNet-5 with batch normalization, with logits."""
    model = keras.Sequential(
        [keras.Input((28, 28, 1))], name="lenet_5_normalized"
    )
    for filters, padding in (6, "same"), (16, "valid"):
        _add_normalized(
            model, layers.Conv2D(filters, 5, padding=padding, use_bias=False)
        )
        model.add(layers.MaxPooling2D())
    model.add(layers.Flatten())
    for units in (120, 84):
        _add_normalized(model, layers.Dense(units, use_bias=False))
    model.add(layers.Dense(10))
    return model


def digits_convolutions():
    """Three convolutions with batch norm for images of 8x8, with logits."""
    model = keras.Sequential(
        [keras.Input((8, 8, 1))], name="digits_convolutions"
    )
    for filters in (16, 32, 64):
        _add_normalized(
            model, layers.Conv2D(filters, 3, padding="same", use_bias=False)
        )
    model.add(layers.GlobalAveragePooling2D())
    model.add(layers.Dense(10))
    return model


def conv_net(widths=(16, 32, 64), repeats=1):
    """VGG-style convolutions with batch norm for 28x28, with logits."""
    model = keras.Sequential([keras.Input((28, 28, 1))])
    for filters in widths:
        for _ in range(repeats):
            _add_normalized(
                model,
                layers.Conv2D(filters, 3, padding="same", use_bias=False),
            )
        model.add(layers.MaxPooling2D())
    model.add(layers.Flatten())
    model.add(layers.Dense(10))
    return model


def _add_normalized(model, layer):
    model.add(layer)
    model.add(layers.BatchNormalization())
    model.add(layers.ReLU())


def autoencoder():
    """784-256-32-256-784 for MNIST, with pixels."""
    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Flatten(),
            layers.Dense(256, activation="relu"),
            layers.Dense(32),
            layers.Dense(256, activation="relu"),
            layers.Dense(784, activation="sigmoid"),
        ],
        name="autoencoder",
    )


def regressor():
    """10-128-128-1, with one number."""
    return keras.Sequential(
        [
            keras.Input((10,)),
            layers.Dense(128, activation="relu"),
            layers.Dense(128, activation="relu"),
            layers.Dense(1),
        ],
        name="regressor",
    )


def wide_mlp(keras=keras):
    """784-2048-2048-10: much weight traffic and little arithmetic a step."""
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((784,)),
            layers.Dense(2048, activation="relu"),
            layers.Dense(2048, activation="relu"),
            layers.Dense(10),
        ]
    )


def resnet_20(keras=keras):
    """ResNet-20 for CIFAR-10 (arXiv 1512.03385, section 4.2), with logits."""
    layers = keras.layers

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
