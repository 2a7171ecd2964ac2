"""Layers that draw noise: dense and pruned model get the same."""

import keras
import numpy as np
import pytest
from keras import layers
from keras import ops

import keras_slr
from tests.helpers import to_numpy

X = np.random.default_rng(0).normal(size=(80, 12)).astype("float32")


class Noise(layers.Layer):
    """Draws in prediction, too, as variational autoencoders do."""

    def __init__(self):
        super().__init__()
        self.seed = keras.random.SeedGenerator(3)

    def call(self, x):
        return x + keras.random.normal(ops.shape(x), seed=self.seed)


def network(between, **arguments):
    keras.utils.set_random_seed(0)
    x = keras.Input((12,))
    y = layers.Dense(16, name="first")(x)
    y = between(y, **arguments)
    return keras.Model(x, layers.Dense(8, name="last")(y))


def prune(model):
    return keras_slr.prune_layerwise(
        model, X, {"first": 0.5, "last": 0.1}, verbose=0
    )


class Own(keras.Model):
    """A model without a graph, which is a single step."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def call(self, x):
        return self.layer(x)


@pytest.mark.parametrize("around", [lambda x: x, Own])
def test_the_error_is_that_of_the_weights_alone(around):
    noise = Noise()
    model = network(around(noise))
    seed = to_numpy(noise.seed.state)
    report = prune(model)
    # The noise has the mean square of the inputs.
    assert report.rows[-1].after.calibration < 0.1
    np.testing.assert_array_equal(to_numpy(noise.seed.state), seed)


def test_dropout_is_off_as_in_predict():
    kernels = []
    for arguments in ({}, {"training": True}):
        model = network(layers.Dropout(0.5), **arguments)
        prune(model)
        kernels.append(to_numpy(model.get_layer("last").kernel))
    np.testing.assert_array_equal(*kernels)
