"""Compiled passes over tensors give the results of NumPy passes."""

import keras
import numpy as np
import pytest
from keras import layers

import keras_slr
from keras_slr.training.arrays import DeviceArrays
from keras_slr.training.figures import figures_of
from keras_slr.training.figures import residual
from tests.helpers import to_numpy

# Vectors and kernels: compiled calls see tensors of every rank.
STRUCTURES = [keras_slr.Unstructured(), keras_slr.Filter()]


def pruner_of(structure, arrays=None):
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            layers.Conv2D(6, 3, use_bias=False),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.Conv2D(8, 3),
            layers.ReLU(),
            layers.Flatten(),
            layers.Dense(10),
            layers.Dense(3),
        ]
    )
    model.compile("adam", "mse")
    pruner = keras_slr.SLRPruner(0.5, structure=structure)
    pruner.begin(model, total_steps=600)
    if arrays is not None:
        pruner.run.split.arrays = arrays
    for step in range(20, 60, 5):
        pruner.clock.advance_to(step)
        pruner.update()
    return pruner


@pytest.mark.parametrize("structure", STRUCTURES, ids=str)
def test_device_arrays_give_what_host_arrays_give(structure):
    on_host = pruner_of(structure).run.split
    on_device = pruner_of(structure, DeviceArrays()).run.split
    expected, found = figures_of(on_host), figures_of(on_device)
    assert expected.residual > 0.01
    for name in ("sparsity", "residual", "penalty", "multiplier_norm"):
        assert getattr(found, name) == pytest.approx(
            getattr(expected, name), rel=1e-4, abs=1e-7
        )
    for mine, theirs in zip(on_device.slots, on_host.slots):
        np.testing.assert_array_equal(
            to_numpy(mine.a) != 0, to_numpy(theirs.a) != 0
        )
        assert residual(on_device, mine) == pytest.approx(
            residual(on_host, theirs), rel=1e-4, abs=1e-7
        )
