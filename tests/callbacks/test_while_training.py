"""Filters that leave while training, epoch by epoch."""

import keras
import numpy as np
import pytest
from keras import layers

import keras_slr
from keras_slr import GradualMagnitude
from keras_slr import GradualMagnitudeCallback
from tests.helpers import to_numpy

RATES = {"a": 0.5, "b": 0.75}
FILTERS = {"a": 8, "b": 16}


class Watch(keras.callbacks.Callback):
    """Notes the kernels before and after the filters of an epoch leave."""

    def __init__(self):
        super().__init__()
        self.before, self.after = {}, []

    def kernels(self):
        return {
            name: to_numpy(self.model.get_layer(name).kernel).reshape(
                -1, filters
            )
            for name, filters in FILTERS.items()
        }

    def on_train_batch_end(self, batch, logs=None):
        self.before[self.epoch] = self.kernels()

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch
        self.after.append(self.kernels())


def test_the_smallest_filters_leave_after_every_epoch():
    """Between the epochs 1 and 5 of 6, a quarter of the target each."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(48, 6, 6, 3)).astype("float32")
    y = rng.normal(size=(48, 2)).astype("float32")
    model = keras.Sequential(
        [
            keras.Input((6, 6, 3)),
            layers.Conv2D(8, 3, activation="relu", name="a"),
            layers.Conv2D(16, 3, activation="relu", name="b"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(2),
        ]
    )
    model.compile(keras.optimizers.SGD(0.1, momentum=0.9), "mse")
    watch = Watch()
    callback = GradualMagnitudeCallback.while_training(
        RATES, begin_step=3, end_step=15
    )
    model.fit(
        x,
        y,
        batch_size=16,
        epochs=6,
        verbose=0,
        callbacks=[watch, callback],
    )
    for epoch in range(5):
        part = epoch / 4
        for name, filters in FILTERS.items():
            gone = round(part * RATES[name] * filters)
            norms = np.abs(watch.before[epoch][name]).sum(0)
            expected = np.sort(np.argsort(norms, kind="stable")[:gone])
            found = np.flatnonzero(~watch.after[epoch + 1][name].any(0))
            np.testing.assert_array_equal(found, expected, (epoch, name))
            # What left stays out.
            dead = ~watch.before[epoch + 1][name].any(0)
            assert dead[found].all()
    assert keras_slr.shrink(model).get_layer("b").filters == 4


@pytest.mark.once("pure Python")
def test_other_arguments():
    callback = GradualMagnitudeCallback.while_training(
        0.8, score="random", update_every=50
    )
    assert callback.pruner.solver == GradualMagnitude(power=1.0)
    assert callback.pruner.score == keras_slr.scores.Random()
    assert callback.pruner.plan.structure == keras_slr.Filter()
    assert callback.pruner.update_every == 50
    plain = GradualMagnitudeCallback.while_training(0.8, end_step=0.5)
    assert plain.pruner.solver == GradualMagnitude(power=1.0, end_step=0.5)
    assert plain.pruner.score == keras_slr.scores.Magnitude(norm=1)
    assert plain.pruner.update_every == "epoch"
