"""Runs with a grid end on it, on every backend and kind of training."""

import keras
import numpy as np
import pytest

import keras_slr
from keras_slr import SLRCallback
from keras_slr.training.arrays import DeviceArrays
from keras_slr.training.optimizer_parts import averages_of
from tests.callbacks.helpers import assert_untouched
from tests.helpers import slow_where_compiled
from tests.helpers import to_numpy
from tests.helpers import zeros

pytestmark = pytest.mark.usefixtures("quick_compilation")
GRIDS = {
    keras_slr.Quantize(3): 7,
    keras_slr.Ternary(): 3,
    keras_slr.Binary(): 2,
    keras_slr.PowersOfTwo(3): 7,
}


def columns(kernel):
    return to_numpy(kernel).astype("float64").T


def is_on_grid(column, grid):
    """Whether the entries are levels times one step, found by division."""
    if not column.any():
        return True
    magnitudes = np.unique(np.abs(column[column != 0]))
    steps = magnitudes[-1:] / np.array([x for x in grid.levels if x])
    return any(
        all(
            np.isclose(m / step, grid.levels, rtol=1e-5).any()
            for m in magnitudes
        )
        for step in steps
    )


def pruned(model):
    return [layer.kernel for layer in model.layers[:2]]


def fitted(model, data, *args, epochs=4, callbacks=(), **kwargs):
    callback = SLRCallback(*args, **kwargs)
    model.fit(*data, epochs=epochs, verbose=0, callbacks=[callback, *callbacks])
    return callback


@pytest.mark.parametrize("grid", GRIDS, ids=str)
def test_a_run_ends_on_the_grid(make_model, data, grid):
    model = make_model()
    before = columns(model.layers[0].kernel)
    callback = fitted(model, data, constraint=grid)
    for kernel in pruned(model):
        for column in columns(kernel):
            assert is_on_grid(column, grid)
            assert len(np.unique(column)) <= GRIDS[grid]
    # The dense model fails the same test, and so do layers left alone.
    assert not is_on_grid(before[0], grid)
    assert not is_on_grid(columns(model.layers[2].kernel)[0], grid)
    assert_untouched(model)
    report = callback.report()
    assert [row.rate for row in report.pruned] == [0, 0]
    assert [row.values for row in report.pruned] == [
        max(len(np.unique(column)) for column in columns(kernel))
        for kernel in pruned(model)
    ]
    assert "values" in str(report)


def test_sparse_and_quantized_at_once(make_model, data):
    model = make_model()
    fitted(
        model, data, 0.75, allocation="uniform", constraint=keras_slr.Binary()
    )
    for kernel in pruned(model):
        assert zeros(kernel) == 0.75 * np.prod(kernel.shape)
        assert all(is_on_grid(c, keras_slr.Binary()) for c in columns(kernel))


def test_kept_entries_may_be_zero_on_a_grid_with_zero(make_model, data):
    model = make_model()
    fitted(
        model, data, 0.75, allocation="uniform", constraint=keras_slr.Ternary()
    )
    for kernel in pruned(model):
        assert 0.75 <= zeros(kernel) / np.prod(kernel.shape) < 0.9
        assert all(is_on_grid(c, keras_slr.Ternary()) for c in columns(kernel))


@pytest.mark.parametrize("grid", GRIDS, ids=str)
def test_no_zero_of_a_pruned_model_is_lost(make_model, data, grid):
    # A learning rate at which weights that are held by nothing move far.
    model = make_model(keras.optimizers.Adam(0.1))
    keras_slr.hard_prune(model, 0.75, allocation="uniform")
    before = [zeros(kernel) for kernel in pruned(model)]
    callback = fitted(model, data, constraint=grid)
    after = [zeros(kernel) for kernel in pruned(model)]
    assert all(b >= a for a, b in zip(before, after))
    if grid == keras_slr.Binary():
        assert before == after
    assert [row.rate for row in callback.report().pruned] == [0.75, 0.75]
    for kernel in pruned(model):
        assert all(is_on_grid(c, grid) for c in columns(kernel))


@pytest.mark.parametrize(
    "solver",
    [keras_slr.ADMM(), keras_slr.SLR.paper(), keras_slr.SLR(freeze_at=None)],
    ids=["admm", "paper", "to the end"],
)
def test_other_solvers_end_on_the_grid(make_model, data, solver):
    model = make_model(keras.optimizers.Adam(0.1))
    keras_slr.hard_prune(model, 0.75, allocation="uniform")
    before = [zeros(kernel) for kernel in pruned(model)]
    fitted(model, data, constraint=keras_slr.Binary(), solver=solver, epochs=2)
    assert [zeros(kernel) for kernel in pruned(model)] == before
    for kernel in pruned(model):
        assert all(is_on_grid(c, keras_slr.Binary()) for c in columns(kernel))


def test_one_step_for_a_tensor(make_model, data):
    model = make_model()
    fitted(model, data, constraint=keras_slr.Ternary(per="tensor"), epochs=2)
    for kernel in pruned(model):
        assert len(np.unique(to_numpy(kernel))) == 3


class Levels(keras.callbacks.Callback):
    """Keeps `Z` and the weights of a layer after every epoch."""

    def __init__(self, slr):
        super().__init__()
        self.slr, self.z, self.w = slr, [], []

    def on_epoch_end(self, epoch, logs=None):
        if self.slr.pruner.attached:
            self.z.append(self.slr.auxiliary("hidden"))
            self.w.append(to_numpy(self.model.layers[0].kernel).copy())


def test_weights_reach_their_levels_and_stay_there(make_model, data):
    model = make_model(keras.optimizers.Adam(0.01))
    slr = SLRCallback(constraint=keras_slr.Ternary(), update_every=1)
    seen = Levels(slr)
    model.fit(*data, epochs=10, verbose=0, callbacks=[slr, seen])
    gaps = [np.linalg.norm(w - z) for w, z in zip(seen.w, seen.z)]
    assert gaps[0] > 1e-2
    # Settled after 80 % of the learning; biases train on.
    np.testing.assert_allclose(seen.w[8], seen.z[8], atol=1e-6)
    np.testing.assert_array_equal(seen.z[8], seen.z[-1])
    np.testing.assert_array_equal(to_numpy(model.layers[0].kernel), seen.z[-1])
    # Some entries changed their level while the pull was weak.
    assert np.any(np.sign(seen.z[0]) != np.sign(seen.z[-1]))


def test_averages_end_on_the_grid(make_model, data):
    optimizer = keras.optimizers.Adam(0.01, use_ema=True, ema_momentum=0.9)
    model = make_model(optimizer)
    fitted(model, data, constraint=keras_slr.Ternary(), epochs=2)
    averages = averages_of(optimizer, pruned(model))
    for variable in pruned(model) + averages:
        assert all(
            is_on_grid(c, keras_slr.Ternary()) for c in columns(variable)
        )


@pytest.mark.parametrize(
    "dtype",
    [
        "mixed_float16",
        pytest.param(
            "float64",
            marks=pytest.mark.skipif(
                keras.config.backend() == "jax",
                reason="JAX has no float64 unless it is enabled",
            ),
        ),
    ],
)
def test_other_precisions(data, dtype):
    layer = keras.layers.Dense(32, dtype=dtype)
    model = keras.Sequential([keras.Input((20,)), layer, keras.layers.Dense(4)])
    model.compile("adam", "mse")
    callback = fitted(model, data, constraint=keras_slr.Ternary(), epochs=2)
    assert not callback.report().warning
    assert all(
        is_on_grid(c, keras_slr.Ternary()) for c in columns(layer.kernel)
    )


def test_filters_leave_and_the_others_are_on_the_grid(data):
    model = keras.Sequential(
        [
            keras.Input((20,)),
            keras.layers.Dense(32),
            keras.layers.BatchNormalization(),
            keras.layers.ReLU(),
            keras.layers.Dense(16),
            keras.layers.Dense(4),
        ]
    )
    model.compile("adam", "mse")
    grid = keras_slr.Ternary()
    fitted(model, data, 0.5, structure=keras_slr.Filter(), constraint=grid)
    for layer, dead in ((model.layers[0], 16), (model.layers[3], 8)):
        found = columns(layer.kernel)
        assert np.sum(~found.any(axis=1)) == dead
        assert all(is_on_grid(c, grid) for c in found if c.any())
    # Vectors that leave with filters keep their values.
    gamma = to_numpy(model.layers[1].gamma)
    assert len(np.unique(gamma[gamma != 0])) > 2


def test_hard_prune_projects_once(make_model):
    model = make_model()
    before = [to_numpy(kernel).copy() for kernel in pruned(model)]
    report = keras_slr.hard_prune(model, constraint=keras_slr.Quantize())
    assert [row.rate for row in report.pruned] == [0, 0]
    for kernel, w in zip(pruned(model), before):
        assert all(is_on_grid(c, keras_slr.Quantize()) for c in columns(kernel))
        assert np.linalg.norm(to_numpy(kernel) - w) < 0.1 * np.linalg.norm(w)
    again = [to_numpy(kernel).copy() for kernel in pruned(model)]
    keras_slr.hard_prune(model, constraint=keras_slr.Quantize())
    for kernel, w in zip(pruned(model), again):
        np.testing.assert_allclose(to_numpy(kernel), w, rtol=1e-5)


def test_binary_keeps_the_zeros_of_a_pruned_model(make_model):
    model = make_model()
    keras_slr.hard_prune(model, 0.7)
    before = [to_numpy(kernel) for kernel in pruned(model)]
    keras_slr.hard_prune(model, constraint=keras_slr.Binary())
    for old, kernel in zip(before, pruned(model)):
        np.testing.assert_array_equal(np.sign(to_numpy(kernel)), np.sign(old))


@slow_where_compiled
def test_device_arrays_give_what_host_arrays_give(make_model):
    found = []
    for arrays in (None, DeviceArrays()):
        keras.utils.set_random_seed(0)
        model = make_model()
        # The conditions of SLR would compare rounding: no weight trains.
        pruner = keras_slr.SLRPruner(
            0.5, constraint=keras_slr.Quantize(), solver=keras_slr.ADMM()
        )
        pruner.begin(model, total_steps=300)
        if arrays is not None:
            pruner.run.split.arrays = arrays
        for step in (20, 60, 200):
            pruner.clock.advance_to(step)
            pruner.update()
        found.append([to_numpy(v) for v in pruner.run.split.variables])
    for a, b in zip(*found):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


def test_a_checkpoint_of_the_pruned_model_is_on_the_grid(
    make_model, data, tmp_path
):
    path = str(tmp_path / "best.keras")
    slr = SLRCallback(constraint=keras_slr.Ternary())
    save = keras_slr.HardPrunedCheckpoint(path, monitor="loss")
    model = make_model()
    model.fit(*data, epochs=1, verbose=0, callbacks=[slr, save])
    for kernel in pruned(keras.models.load_model(path)):
        assert all(is_on_grid(c, keras_slr.Ternary()) for c in columns(kernel))
