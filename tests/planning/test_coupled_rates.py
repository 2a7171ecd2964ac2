"""The rate of a model whose layers lose their filters together."""

import keras
import numpy as np
import pytest
from keras import layers

import keras_slr
from tests.helpers import to_numpy

pytestmark = pytest.mark.once("distributes rates by NumPy")


def residual():
    """Four convolutions end in one sum and so lose the same filters."""
    keras.utils.set_random_seed(0)
    x = inputs = keras.Input((8, 8, 3))
    x = layers.Conv2D(16, 3, padding="same")(x)
    for _ in range(3):
        y = layers.Conv2D(24, 3, padding="same", activation="relu")(x)
        x = layers.Add()([x, layers.Conv2D(16, 3, padding="same")(y)])
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, layers.Dense(4)(x))


@pytest.mark.parametrize("rate", [0.3, 0.7])
@pytest.mark.parametrize(
    "allocation", ["global", "pooled", "lamp", "relative", "erk", "triangular"]
)
def test_the_rate_counts_all_kernels_of_a_group(allocation, rate):
    model = residual()
    keras_slr.hard_prune(
        model, rate, structure=keras_slr.Filter(), allocation=allocation
    )
    kernels = [
        to_numpy(layer.kernel)
        for layer in model.layers
        if isinstance(layer, layers.Conv2D)
    ]
    size = sum(kernel.size for kernel in kernels)
    zeros = sum(int(np.sum(kernel == 0)) for kernel in kernels)
    # One filter of the sum, from the stem and three blocks.
    unit = 3 * 3 * (3 + 3 * 24)
    assert abs(zeros / size - rate) <= unit / size
