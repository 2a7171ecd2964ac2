"""The networks whose training is timed, for `keras` and for `tf_keras`."""

import dataclasses
from collections.abc import Callable

import keras
import numpy as np

from benchmarks import models

BATCH = 64


def mobilenet_v2(keras=keras):
    """MobileNetV2 (arXiv 1801.04381) for images of 96x96, with logits."""
    return keras.applications.MobileNetV2(
        input_shape=(96, 96, 3),
        weights=None,
        classes=10,
        classifier_activation=None,
    )


def transformer(keras=keras, width=128, blocks=6):
    """A transformer on sequences of 32 vectors, 1.2 million parameters."""
    layers = keras.layers
    inputs = keras.Input((32, width))
    x = layers.Dense(width)(inputs)
    for _ in range(blocks):
        y = layers.LayerNormalization()(x)
        y = layers.MultiHeadAttention(4, width // 4)(y, y)
        x = layers.Add()([x, y])
        y = layers.LayerNormalization()(x)
        y = layers.Dense(4 * width, activation="relu")(y)
        x = layers.Add()([x, layers.Dense(width)(y)])
    x = layers.GlobalAveragePooling1D()(layers.LayerNormalization()(x))
    return keras.Model(inputs, layers.Dense(10)(x))


@dataclasses.dataclass(frozen=True)
class Net:
    """A network and how its step is timed.

    Attributes:
        build: Function of the module `keras` or `tf_keras` that returns it.
        shape: Tuple of integers, shape of an input.
        steps: Integer, those of an epoch: about half a second on a CPU.
        pairs: Integer, epochs beside plain ones.
        limit: Float, the largest ratio that SLR is to have to a plain step.
    """

    build: Callable
    shape: tuple[int, ...]
    steps: int
    pairs: int
    limit: float

    def data(self, steps):
        """Returns random inputs and labels for some steps."""
        rng = np.random.default_rng(0)
        shape = (steps * BATCH, *self.shape)
        x = rng.standard_normal(shape, dtype="float32")
        return x, rng.integers(0, 10, size=len(x))

    def compiled(self, keras=keras):
        """Returns the network, compiled."""
        model = self.build(keras)
        model.compile(
            keras.optimizers.Adam(1e-3),
            keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        )
        return model


NETS = {
    "mlp": Net(models.wide_mlp, (784,), 8, 30, 1.08),
    "lenet_300_100": Net(models.lenet_300_100, (28, 28, 1), 250, 30, 1.10),
    "resnet_20": Net(models.resnet_20, (32, 32, 3), 3, 30, 1.02),
    "mobilenet_v2": Net(mobilenet_v2, (96, 96, 3), 1, 16, 1.02),
    "transformer": Net(transformer, (32, 128), 3, 30, 1.02),
}
