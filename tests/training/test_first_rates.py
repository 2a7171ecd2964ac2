"""A run of a pruned model goes on from its zeros."""

import keras
import numpy as np
import pytest

import keras_slr
from keras_slr import SLRPruner
from keras_slr.training import figures
from keras_slr.training.arrays import DeviceArrays
from keras_slr.training.arrays import HostArrays
from tests.helpers import to_numpy
from tests.helpers import zeros

X = np.random.default_rng(0).normal(size=(64, 20)).astype("float32")
Y = np.random.default_rng(1).integers(0, 4, 64)
PRUNED = {"rate": 0.5, "allocation": "uniform", "exclude": "out"}
METHODS = [
    keras_slr.SLR(),
    keras_slr.SLR.coupled(),
    keras_slr.SLR.paper(),
    keras_slr.ADMM(),
    keras_slr.ADMM.paper(),
    keras_slr.GReg(),
    keras_slr.GradualMagnitude(),
    keras_slr.IterativePruning(),
    keras_slr.OneShotMagnitude(),
    keras_slr.OneShotMagnitude(at=0.5),
]


def net():
    """640 and 512 weights to prune, the first in front of a batch norm."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((20,)),
            keras.layers.Dense(32, use_bias=False),
            keras.layers.BatchNormalization(),
            keras.layers.Dense(16, activation="relu"),
            keras.layers.Dense(4, name="out"),
        ]
    )
    model.compile("adam", "mse")
    return model


def kernels(model):
    return [model.layers[0].kernel, model.layers[2].kernel]


def begun(model, solver=None, steps=5000, **plan):
    pruner = SLRPruner(**PRUNED | {"rate": 0.75} | plan, solver=solver)
    pruner.begin(model, total_steps=steps)
    return pruner


@pytest.mark.parametrize("solver", METHODS, ids=repr)
def test_the_first_support_is_what_is_not_zero(solver):
    model = net()
    keras_slr.hard_prune(model, **PRUNED)
    expected = [to_numpy(kernel) != 0 for kernel in kernels(model)]
    pruner = begun(model, solver)
    split = pruner.run.split
    assert split.first_rates == [0.5, 0.5]
    for constraint, kernel in zip(split.constraints, kernels(model)):
        share = np.mean(to_numpy(kernel) == 0)
        for arrays in (HostArrays, DeviceArrays):
            assert arrays.zero_share(constraint) == share
    found = [figures.auxiliary(split, slot) != 0 for slot in split.slots]
    for support, before in zip(found, expected):
        # At the whole rate from the start, half of it.
        assert not np.any(support & ~before)
    pruner.abandon()


def test_a_model_that_is_not_pruned_starts_from_all_of_it():
    model = net()
    # A new layer, of which nothing is known yet, and a zero by chance.
    kernels(model)[1].assign(np.zeros((32, 16)))
    kernel = to_numpy(kernels(model)[0]).copy()
    kernel[0, 0] = 0.0
    kernels(model)[0].assign(kernel)
    pruner = begun(model)
    assert pruner.run.split.first_rates == pytest.approx([1 / 640, 0.0])
    assert pruner.run.solver.way_begins(pruner.run.split) == 0.05
    pruner.abandon()
    pruner = begun(model, rate=None, structure=keras_slr.NM(2, 4))
    assert pruner.run.split.first_rates[1] == 0.0
    pruner.abandon()


# ERK gives small kernels a rate of zero. The other rate removes no weight.
@pytest.mark.parametrize("stays", [0.0, 1 / 128])
def test_no_trial_of_a_pruned_model(stays):
    model = net()
    rates = {"dense": 0.5, "dense_1": 0.5, "out": stays}
    plan = {"rate": rates, "exclude": None, "allocation": None}
    keras_slr.hard_prune(model, **plan)
    pruner = begun(model, **plan)
    assert pruner.run.split.first_rates == [0.5, 0.5, 0.0]
    assert pruner.run.solver.way_begins(pruner.run.split) == 0.0
    pruner.abandon()


def test_units_count_and_not_entries():
    model = net()
    plan = {"structure": keras_slr.Filter(), "allocation": "uniform"}
    keras_slr.hard_prune(model, 0.25, **plan, exclude="out")
    pruner = begun(model, **plan)
    assert pruner.run.split.first_rates == [0.25, 0.25]
    pruner.abandon()


@pytest.mark.parametrize(
    "solver", [keras_slr.SLR(), keras_slr.GradualMagnitude()], ids=repr
)
def test_zeros_never_become_fewer(solver):
    """With the pull of SLR they grow a little, but stay apart."""

    class Watch(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            for kernel, before in zip(kernels(self.model), pruned):
                w = np.abs(to_numpy(kernel))
                small = w[before].max() if solver.prefix == "gmp" else 0.0
                assert small == 0.0
                shares.append(np.mean(w[before]) / np.mean(w[~before]))

    model, shares = net(), []
    keras_slr.hard_prune(model, **PRUNED)
    pruned = [to_numpy(kernel) == 0 for kernel in kernels(model)]
    callback = keras_slr.PruningCallback(
        **PRUNED | {"rate": 0.75}, solver=solver
    )
    model.fit(
        X,
        np.eye(4)[Y],
        batch_size=8,
        epochs=5,
        verbose=0,
        callbacks=[callback, Watch()],
    )
    assert max(shares) < 0.1
    assert [zeros(kernel) for kernel in kernels(model)] == [480, 384]


@pytest.mark.parametrize(
    "solver",
    [keras_slr.GradualMagnitude(), keras_slr.IterativePruning()],
    ids=repr,
)
def test_a_lower_rate_starts_over(solver):
    """Training chooses what returns, not the order of the entries."""
    model = net()
    keras_slr.hard_prune(model, **PRUNED | {"rate": 0.9})
    pruner = begun(model, solver, rate=0.5)
    assert pruner.run.split.first_rates == [0.0, 0.0]
    pruner.abandon()
    callback = keras_slr.PruningCallback(**PRUNED, solver=solver)
    y = np.eye(4)[Y]
    model.fit(X, y, batch_size=8, epochs=5, verbose=0, callbacks=[callback])
    kept = np.count_nonzero(to_numpy(kernels(model)[0]), axis=1)
    assert kept.sum() == 320 and kept.max() < 30


def test_a_filter_with_a_live_bias_is_not_zero():
    model = keras.Sequential(
        [
            keras.Input((20,)),
            keras.layers.Dense(8, bias_initializer="ones", name="hidden"),
            keras.layers.Dense(4),
        ]
    )
    model.compile("sgd", "mse")
    kernel = to_numpy(model.layers[0].kernel).copy()
    kernel[:, :4] = 0.0
    model.layers[0].kernel.assign(kernel)
    before = model.predict(X, verbose=0)
    pruner = SLRPruner(
        0.75,
        structure=keras_slr.Filter(),
        include="hidden",
        solver=keras_slr.GradualMagnitude(begin_step=0.5),
    )
    pruner.begin(model, total_steps=100)
    np.testing.assert_array_equal(model.predict(X, verbose=0), before)
    pruner.abandon()


def test_checkpoints_have_the_first_rates(tmp_path):
    model = net()
    keras_slr.hard_prune(model, **PRUNED)
    pruner = begun(model, steps=100)
    for _ in range(20):
        pruner.step(model.train_on_batch(X, np.eye(4)[Y]))
    model.save(tmp_path / "run.keras")
    pruner.abandon()
    model = net()
    pruner = begun(model, steps=100)
    assert pruner.run.split.first_rates == [0.0, 0.0]
    model.load_weights(tmp_path / "run.keras")
    assert pruner.run.split.first_rates == [0.5, 0.5]
    pruner.abandon()
