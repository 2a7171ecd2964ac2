"""Compiled passes over tensors give the results of NumPy passes."""

import sys

import keras
import numpy as np
import pytest
from keras import layers

import keras_slr
from keras_slr import backend
from keras_slr.scores.metric import second_moment
from keras_slr.training.arrays import DeviceArrays
from keras_slr.training.arrays import HostArrays
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


@pytest.mark.parametrize("structure", STRUCTURES, ids=str)
def test_the_number_of_threads_changes_nothing(structure, monkeypatch):
    sweep = sys.modules["keras_slr.projections.sweep"]
    monkeypatch.setattr(sweep, "BLOCK", 100)
    results = []
    for cores in (1, 3):
        monkeypatch.setattr(sweep, "_cores", lambda cores=cores: cores)
        pruner = pruner_of(structure)
        results.append(
            (
                figures_of(pruner.run.split),
                [to_numpy(v) for v in pruner.run.split.variables],
            )
        )
    (alone, of_one), (together, of_three) = results
    assert alone == together
    for one, three in zip(of_one, of_three):
        np.testing.assert_array_equal(one, three)


@pytest.mark.parametrize("size", [1, 7, 100_000])
def test_arrays_of_the_host_become_variables(size):
    variable = keras.Variable(np.zeros((size, 3), "float32"))
    target = backend.host_target(variable)
    expected = np.arange(3.0 * size, dtype="float32").reshape(size, 3)
    target[:] = expected
    backend.assign_from_host(variable, target)
    del target
    # What is freed may be written over.
    np.full((size, 4), 7.0)
    np.testing.assert_array_equal(to_numpy(variable), expected)
    np.testing.assert_array_equal(backend.to_host(variable), expected)


def test_compiled_choices_follow_the_power_of_the_metric():
    pruner = pruner_of(keras_slr.Unstructured())
    split = pruner.run.split
    rng = np.random.default_rng(0)
    for slot in split.slots:
        moment = second_moment(pruner.run.optimizer, slot.w)
        moment.assign(rng.random(slot.w.shape) ** 8)
    chosen = {}
    for arrays in (HostArrays(), DeviceArrays()):
        split.arrays = arrays
        chosen[type(arrays)] = [
            np.concatenate(
                [
                    np.ravel(keras.ops.convert_to_numpy(mask))
                    for mask in split.keep_lifted(0.5, power=power)
                ]
            )
            for power in (0.0, 0.25, 0.5)
        ]
    on_host, on_device = chosen.values()
    assert any(on_host[0] != on_host[1]) and any(on_host[1] != on_host[2])
    np.testing.assert_array_equal(on_host, on_device)
