"""Every optimizer's step against the same step written out by hand.

A linear model under the mean squared error has a gradient in closed form. The
penalty's gradient is `Lam + rho (W - Z)`, with `Z` and `Lam` as the pruner
shows them; the optimizer's rule is written out in NumPy.
"""

import math

import keras
import numpy as np
import pytest

from keras_slr import SLR
from keras_slr import SLRPruner
from keras_slr.schedules import Constant
from tests.helpers import needs_keras
from tests.helpers import to_numpy

LR = 0.02


class SGD:
    def __init__(self, momentum=0.0):
        self.momentum, self.m = momentum, 0.0

    def __call__(self, w, g):
        self.m = self.momentum * self.m - LR * g
        return w + self.m


class Adam:
    def __init__(self, weight_decay=0.0):
        self.wd, self.m, self.v, self.t = weight_decay, 0.0, 0.0, 0

    def __call__(self, w, g):
        self.t += 1
        w = w - LR * self.wd * w
        self.m = 0.9 * self.m + 0.1 * g
        self.v = 0.999 * self.v + 0.001 * g**2
        rate = LR * np.sqrt(1 - 0.999**self.t) / (1 - 0.9**self.t)
        return w - rate * self.m / (np.sqrt(self.v) + 1e-7)


class Lion:
    def __init__(self):
        self.m = 0.0

    def __call__(self, w, g):
        step = np.sign(0.9 * self.m + 0.1 * g)
        self.m = 0.99 * self.m + 0.01 * g
        return w - LR * step


def clip_global(gradients, limit):
    norm = np.sqrt(sum(np.sum(g**2) for g in gradients))
    return [g * limit / max(norm, limit) for g in gradients]


def clip_each(gradients, limit):
    return [g * limit / max(np.sqrt(np.sum(g**2)), limit) for g in gradients]


def clip_value(gradients, limit):
    return [np.clip(g, -limit, limit) for g in gradients]


def unclipped(gradients):
    return gradients


opt = keras.optimizers


def multi_optimizer():
    needs_keras("3.15", "MultiOptimizer")
    return opt.MultiOptimizer(
        opt.OptimizerMap(opt.SGD(LR), {".*bias": opt.SGD(LR)})
    )


CASES = {
    "sgd": (lambda: opt.SGD(LR), SGD, unclipped, 1),
    "momentum": (
        lambda: opt.SGD(LR, momentum=0.9),
        lambda: SGD(0.9),
        unclipped,
        1,
    ),
    "adam": (lambda: opt.Adam(LR), Adam, unclipped, 1),
    "adamw": (
        lambda: opt.AdamW(LR, weight_decay=0.1),
        lambda: Adam(0.1),
        unclipped,
        1,
    ),
    "lion": (lambda: opt.Lion(LR), Lion, unclipped, 1),
    "global_clipnorm": (
        lambda: opt.SGD(LR, global_clipnorm=0.5),
        SGD,
        lambda g: clip_global(g, 0.5),
        1,
    ),
    "clipnorm": (
        lambda: opt.SGD(LR, clipnorm=0.5),
        SGD,
        lambda g: clip_each(g, 0.5),
        1,
    ),
    "clipvalue": (
        lambda: opt.SGD(LR, clipvalue=0.01),
        SGD,
        lambda g: clip_value(g, 0.01),
        1,
    ),
    "accumulation": (
        lambda: opt.SGD(LR, momentum=0.9, gradient_accumulation_steps=2),
        lambda: SGD(0.9),
        unclipped,
        2,
    ),
    "ema": (
        lambda: opt.SGD(LR, momentum=0.9, use_ema=True, ema_momentum=0.5),
        lambda: SGD(0.9),
        unclipped,
        1,
    ),
    "loss_scale_factor": (
        lambda: opt.SGD(LR, loss_scale_factor=128.0),
        SGD,
        unclipped,
        1,
    ),
    "loss_scale_optimizer": (
        lambda: opt.LossScaleOptimizer(opt.SGD(LR), initial_scale=256.0),
        SGD,
        unclipped,
        1,
    ),
    "multi_optimizer": (
        multi_optimizer,
        SGD,
        unclipped,
        1,
    ),
}


@pytest.mark.parametrize("free_support", [True, False])
@pytest.mark.parametrize("case", CASES)
def test_step_is_the_penalised_gradient_step(case, free_support):
    make, rule, clip, accumulate = CASES[case]
    rng = np.random.default_rng(5)
    x = rng.normal(size=(32, 20))
    y = x @ rng.normal(size=(20, 16)) + 1.0
    model = keras.Sequential([keras.Input((20,)), keras.layers.Dense(16)])
    model.compile(make(), "mse")
    pruner = SLRPruner(
        rate=0.75,
        solver=SLR.coupled(
            rho=Constant(0.5), stepsize=0.4, free_support=free_support
        ),
    )
    pruner.begin(model)
    layer = model.layers[0]
    w = to_numpy(layer.kernel).astype("float64")
    b = to_numpy(layer.bias).astype("float64")
    rules = [rule(), rule()]
    pending = []
    for step in range(8):
        if step in (2, 4, 6):
            pruner.update()
        z = pruner.auxiliary(layer).astype("float64")
        lam = pruner.multipliers(layer).astype("float64")
        if step >= 2:
            assert np.any(lam != 0.0)
        model.train_on_batch(x.astype("float32"), y.astype("float32"))
        error = 2.0 / y.size * (x @ w + b - y)
        penalty = lam + 0.5 * (w - z)
        # Without the penalty the numbers below would differ.
        assert np.abs(penalty).max() > 1e-3
        pending.append([x.T @ error + penalty, error.sum(0)])
        if len(pending) == accumulate:
            gradients = clip(
                [np.mean(g, 0) for g in zip(*pending)]
                if accumulate > 1
                else pending[0]
            )
            w, b = (r(v, g) for r, v, g in zip(rules, (w, b), gradients))
            pending = []
        np.testing.assert_allclose(
            to_numpy(layer.kernel), w, rtol=2e-5, atol=2e-6
        )
        np.testing.assert_allclose(
            to_numpy(layer.bias), b, rtol=2e-5, atol=2e-6
        )
    pruner.abandon()


@pytest.mark.parametrize("free_support", [True, False])
@pytest.mark.parametrize("case", CASES)
def test_a_proximal_step_follows_the_optimizer(case, free_support):
    make, rule, clip, accumulate = CASES[case]
    rng = np.random.default_rng(5)
    x = rng.normal(size=(32, 20))
    y = x @ rng.normal(size=(20, 16)) + 1.0
    model = keras.Sequential([keras.Input((20,)), keras.layers.Dense(16)])
    model.compile(make(), "mse")
    pruner = SLRPruner(
        rate=0.75,
        solver=SLR(
            rho=Constant(0.5), free_support=free_support, trial=0.0, ramp=None
        ),
        update_every=2,
    )
    pruner.begin(model)
    layer = model.layers[0]
    w = to_numpy(layer.kernel).astype("float64")
    b = to_numpy(layer.bias).astype("float64")
    rules = [rule(), rule()]
    pending = []
    # Half of the distance in two steps.
    rho = 1.0 - math.sqrt(0.5)
    for step in range(8):
        if step in (2, 4, 6):
            pruner.update()
        z = pruner.auxiliary(layer).astype("float64")
        lam = pruner.multipliers(layer).astype("float64")
        if step >= 2:
            assert np.any(lam != 0.0)
        model.train_on_batch(x.astype("float32"), y.astype("float32"))
        error = 2.0 / y.size * (x @ w + b - y)
        pending.append([x.T @ error, error.sum(0)])
        if len(pending) == accumulate:
            gradients = clip(
                [np.mean(g, 0) for g in zip(*pending)]
                if accumulate > 1
                else pending[0]
            )
            w, b = (r(v, g) for r, v, g in zip(rules, (w, b), gradients))
            pending = []
        if free_support:
            z = np.where(z != 0, w, 0.0)
        pull = lam + rho * (w - z)
        # Without the proximal step the numbers below would differ.
        assert np.abs(pull).max() > 1e-3
        w = w - pull
        np.testing.assert_allclose(
            to_numpy(layer.kernel), w, rtol=2e-5, atol=2e-6
        )
        np.testing.assert_allclose(
            to_numpy(layer.bias), b, rtol=2e-5, atol=2e-6
        )
    pruner.abandon()


@pytest.mark.parametrize(
    "policy,tolerance",
    [("mixed_float16", 4e-3), ("mixed_bfloat16", 2e-2), ("bfloat16", 3e-2)],
)
def test_step_in_low_precision(policy, tolerance):
    """With zero inputs the task gradient is exactly zero: only the penalty
    moves the kernel, `W <- W - lr (Lam + rho (W - Z))`."""
    x = np.zeros((8, 20), "float32")
    y = np.ones((8, 16), "float32")
    model = keras.Sequential(
        [keras.Input((20,)), keras.layers.Dense(16, dtype=policy)]
    )
    optimizer = keras.optimizers.SGD(0.1)
    if policy == "mixed_float16":
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
    model.compile(optimizer, "mse")
    pruner = SLRPruner(0.75, solver=SLR.coupled(rho=Constant(0.5)))
    pruner.begin(model)
    kernel = model.layers[0].kernel
    w = before = to_numpy(kernel).astype("float32")
    z = pruner.auxiliary(model.layers[0])
    assert pruner.run.split.slots[0].c.dtype == "float32"
    for _ in range(3):
        model.train_on_batch(x, y)
        w = w - 0.1 * 0.5 * np.where(z != 0, 0.0, w)
    after = to_numpy(kernel).astype("float32")
    np.testing.assert_allclose(after, w, atol=tolerance * 0.1)
    shrunk = np.linalg.norm(after[z == 0]) / np.linalg.norm(before[z == 0])
    np.testing.assert_allclose(shrunk, 0.95**3, rtol=tolerance)


def test_the_reported_loss_is_the_task_loss(make_model, data):
    x, y = data
    model = make_model(keras.optimizers.SGD(1e-9))
    plain = model.train_on_batch(x, y)
    pruner = SLRPruner(0.9, solver=SLR.coupled(rho=Constant(1e3)))
    pruner.begin(model)
    np.testing.assert_allclose(model.train_on_batch(x, y), plain, rtol=1e-5)


def test_embeddings_with_sparse_gradients():
    model = keras.Sequential(
        [
            keras.Input((3,), dtype="int32"),
            keras.layers.Embedding(40, 8),
            keras.layers.Flatten(),
            keras.layers.Dense(2),
        ]
    )
    model.compile(keras.optimizers.SGD(0.1), "mse")
    pruner = SLRPruner(
        0.5,
        include=keras.layers.Embedding,
        solver=SLR.coupled(rho=Constant(0.5)),
    )
    pruner.begin(model)
    table = model.layers[0].embeddings
    before = to_numpy(table).copy()
    z = pruner.auxiliary(model.layers[0])
    model.train_on_batch(np.zeros((4, 3), "int32"), np.zeros((4, 2)))
    # Only the penalty moves the rows that no input uses.
    expected = np.where(z != 0, before, before * (1 - 0.1 * 0.5))
    np.testing.assert_allclose(to_numpy(table)[1:], expected[1:], rtol=1e-6)
