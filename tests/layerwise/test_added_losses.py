"""Layers that add losses when they are called."""

import keras
import numpy as np
import pytest
from keras import layers

import keras_slr

X = np.random.default_rng(0).normal(size=(24, 16)).astype("float32")


class Penalized(layers.Layer):
    """Adds a loss of its own, and has a layer that does."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.inner = layers.Dense(16, activity_regularizer="l1")

    def call(self, x):
        x = self.inner(x)
        self.add_loss(keras.ops.sum(x))
        return x


class Model(keras.Model):
    def __init__(self):
        super().__init__()
        self.penalized = Penalized()
        self.last = layers.Dense(8)

    def call(self, x):
        return self.last(self.penalized(x))


def functional():
    return keras.Sequential(
        [
            keras.Input((16,)),
            layers.Dense(16, activity_regularizer="l2", name="first"),
            Penalized(),
            layers.Dense(8, name="last"),
        ]
    )


@pytest.mark.parametrize("order", ["sequential", "parallel"])
@pytest.mark.parametrize("make", [functional, Model])
def test_calibration_leaves_losses_as_they_are(make, order):
    model = make()
    model(X[:2])
    before = model.losses
    assert len(before) > 1
    arguments = dict(rate=0.5, order=order, batch_size=8, verbose=0)
    keras_slr.prune_layerwise(model, X, **arguments)
    after = model.losses
    assert len(after) == len(before)
    assert all(new is old for new, old in zip(after, before))


def test_calibration_adds_no_losses():
    model = functional()
    assert model.losses == []
    keras_slr.prune_layerwise(model, X, 0.5, verbose=0)
    assert model.losses == []
