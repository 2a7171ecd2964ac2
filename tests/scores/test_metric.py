"""The projection in the metric of the optimizer."""

import dataclasses

import keras
import numpy as np
import pytest

import keras_slr
from keras_slr import SLR
from keras_slr import SLRPruner
from keras_slr.training.arrays import DeviceArrays
from tests.helpers import needs_keras
from tests.helpers import slow_keep_mask
from tests.helpers import to_numpy

opt = keras.optimizers
# The multipliers are so small that `W + Lam / rho` is `W`.
WITHOUT_MULTIPLIERS = SLR(
    trial=0.0, ramp=None, stepsize=1e-12, stepsize_bound=1e-12
)


def squares_of_adam(optimizer, kernel):
    return named(optimizer, kernel, "velocity")


def squares_of_adagrad(optimizer, kernel):
    return named(optimizer, kernel, "accumulator")


def named(optimizer, kernel, suffix):
    name = f"{kernel.path.replace('/', '_')}_{suffix}"
    (found,) = [v for v in optimizer.variables if v.name == name]
    return found


def multi_optimizer():
    needs_keras("3.15", "MultiOptimizer")
    return opt.MultiOptimizer(opt.OptimizerMap(opt.Adam(1e-2), {}))


OPTIMIZERS = {
    "adam": (lambda: opt.Adam(1e-2), squares_of_adam),
    "adamw": (lambda: opt.AdamW(1e-2), squares_of_adam),
    "nadam": (lambda: opt.Nadam(1e-2), squares_of_adam),
    "rmsprop": (lambda: opt.RMSprop(1e-2), squares_of_adam),
    "adagrad": (lambda: opt.Adagrad(1e-2), squares_of_adagrad),
    "loss_scale": (
        lambda: opt.LossScaleOptimizer(opt.Adam(1e-2)),
        lambda o, kernel: squares_of_adam(o.inner_optimizer, kernel),
    ),
    "sgd": (lambda: opt.SGD(1e-2, momentum=0.9), None),
    "lion": (lambda: opt.Lion(1e-3), None),
    "multi_optimizer": (
        multi_optimizer,
        lambda o, kernel: squares_of_adam(o.optimizers[0], kernel),
    ),
}


@pytest.mark.parametrize("device", [False, True])
@pytest.mark.parametrize("case", OPTIMIZERS)
def test_the_support_is_that_of_the_weighted_projection(case, device, data):
    make, squares = OPTIMIZERS[case]
    # Inputs of very different sizes give such gradients of their rows.
    x = data[0] * np.geomspace(0.01, 10, data[0].shape[1]).astype("float32")
    model = keras.Sequential(
        [
            keras.Input(x.shape[1:]),
            keras.layers.Dense(32, activation="relu"),
            keras.layers.Dense(4),
        ]
    )
    model.compile(make(), "mse")
    pruner = SLRPruner(
        0.75,
        include="class:Dense",
        solver=WITHOUT_MULTIPLIERS,
        allocation="uniform",
    )
    pruner.begin(model)
    if device:
        pruner.run.split.arrays = DeviceArrays()
    for _ in range(5):
        model.train_on_batch(x, data[1])
    kernel = model.layers[0].kernel
    w = to_numpy(kernel).astype("float64")
    d = np.ones_like(w)
    if squares is not None:
        v = to_numpy(squares(model.optimizer, kernel)).astype("float64")
        d = (v + 0.1 * v.mean()) ** 0.25
    pruner.update()
    count = w.size - round(0.75 * w.size)
    expected = slow_keep_mask(d * w, count)
    support = pruner.auxiliary(model.layers[0]) != 0
    np.testing.assert_array_equal(support, expected)
    by_magnitude = slow_keep_mask(w, count)
    if squares is not None:
        assert np.mean(support == by_magnitude) < 0.95
    pruner.abandon()


def test_with_the_power_zero_magnitudes_decide(make_model, data):
    model = make_model("adam")
    solver = dataclasses.replace(WITHOUT_MULTIPLIERS, metric=0.0)
    pruner = SLRPruner(0.9, solver=solver, allocation="uniform")
    pruner.begin(model)
    for _ in range(3):
        model.train_on_batch(*data)
    layer = model.layers[0]
    w = to_numpy(layer.kernel)
    pruner.update()
    expected = slow_keep_mask(w, w.size - round(0.9 * w.size))
    np.testing.assert_array_equal(pruner.auxiliary(layer) != 0, expected)


@pytest.mark.parametrize(
    "structure", [keras_slr.Filter(), keras_slr.Filter(grouped=False)], ids=str
)
def test_filters_are_chosen_by_magnitude(structure, make_model, data):
    model = make_model("adam")
    pruner = SLRPruner(
        0.5, solver=WITHOUT_MULTIPLIERS, structure=structure, include="hidden"
    )
    pruner.begin(model)
    for _ in range(3):
        model.train_on_batch(*data)
    kernel = model.get_layer("hidden").kernel
    w = to_numpy(kernel).astype("float64")
    pruner.update()
    kept = np.any(pruner.auxiliary(kernel.path) != 0, axis=0)
    norms = np.linalg.norm(w, axis=0)
    np.testing.assert_array_equal(kept, slow_keep_mask(norms, 16))
    pruner.abandon()


@pytest.mark.parametrize("power", [0.25, 1 / 3])
def test_without_gradients_magnitudes_decide(power, make_model, data):
    model = make_model("adam")
    solver = dataclasses.replace(WITHOUT_MULTIPLIERS, metric=power)
    pruner = SLRPruner(0.9, solver=solver, allocation="uniform")
    pruner.begin(model)
    layer = model.layers[0]
    w = to_numpy(layer.kernel)
    pruner.update()
    expected = slow_keep_mask(w, w.size - round(0.9 * w.size))
    np.testing.assert_array_equal(pruner.auxiliary(layer) != 0, expected)


@pytest.mark.parametrize(
    "metric, power", [(0.0, 0.0), (0.25, 0.25), ("auto", 0.25)]
)
def test_admm_projects_in_the_metric_that_it_is_given(metric, power, data):
    x = data[0] * np.geomspace(0.01, 10, data[0].shape[1]).astype("float32")
    model = keras.Sequential(
        [keras.Input(x.shape[1:]), keras.layers.Dense(32, activation="relu")]
    )
    model.add(keras.layers.Dense(4))
    model.compile(opt.Adam(1e-2), "mse")
    solver = keras_slr.ADMM(ramp=None, metric=metric)
    pruner = SLRPruner(
        0.75, include="class:Dense", solver=solver, allocation="uniform"
    )
    pruner.begin(model)
    for _ in range(5):
        model.train_on_batch(x, data[1])
    kernel = model.layers[0].kernel
    w = to_numpy(kernel).astype("float64")
    v = to_numpy(squares_of_adam(model.optimizer, kernel)).astype("float64")
    pruner.update()
    factors = (v + 0.1 * v.mean()) ** power
    expected = slow_keep_mask(factors * w, w.size - round(0.75 * w.size))
    support = pruner.auxiliary(model.layers[0]) != 0
    np.testing.assert_array_equal(support, expected)
    pruner.abandon()
