"""The other methods, through the same callback."""

import json

import keras
import numpy as np
import pytest

import keras_slr
from keras_slr import ADMM
from keras_slr import ADMMCallback
from keras_slr import GradualMagnitude
from keras_slr import GradualMagnitudeCallback
from keras_slr import GReg
from keras_slr import GRegCallback
from keras_slr import IterativePruning
from keras_slr import IterativePruningCallback
from keras_slr import OneShotMagnitude
from keras_slr import OneShotMagnitudeCallback
from keras_slr import SLRPruner
from tests.helpers import slow_keep_mask
from tests.helpers import to_numpy

CALLBACKS = {
    "admm": lambda: ADMMCallback(0.9),
    "greg_1": lambda: GRegCallback(0.9),
    "greg_2": lambda: GRegCallback(0.9, solver=GReg.two()),
    "admm_paper": lambda: ADMMCallback.paper(0.9),
    "greg_paper": lambda: GRegCallback.paper(0.9),
    "gmp": lambda: GradualMagnitudeCallback(0.9),
    "iterative": lambda: IterativePruningCallback(0.9),
    "one_shot": lambda: OneShotMagnitudeCallback(0.9),
    "one_shot_last": lambda: OneShotMagnitudeCallback(
        0.9, solver=OneShotMagnitude(at=1.0)
    ),
}


def zeros(variable):
    return int(np.sum(to_numpy(variable) == 0.0))


def uniform(solver, update_every):
    """64 of the 640 entries of the first kernel stay."""
    return SLRPruner(
        0.9,
        solver=solver,
        update_every=update_every,
        allocation="uniform",
    )


def kernels(model):
    return [model.get_layer(name).kernel for name in ("hidden", "middle")]


@pytest.mark.parametrize("name", CALLBACKS)
def test_sparsity_is_exact_and_the_run_leaves_no_trace(name, make_model, data):
    model = make_model(keras.optimizers.AdamW(1e-2, weight_decay=1e-2))
    assert [zeros(kernel) for kernel in kernels(model)] == [0, 0]
    callback = CALLBACKS[name]()
    model.fit(*data, epochs=3, verbose=0)
    variables = len(model.optimizer.variables)
    history = model.fit(
        *data, epochs=6, verbose=0, callbacks=[callback]
    ).history
    assert sum(zeros(kernel) for kernel in kernels(model)) == 1037
    prefix = callback.pruner.solver.prefix
    assert f"{prefix}_sparsity" in history
    assert callback.report().sparsity == 1037 / 1152
    assert len(model.optimizer.variables) == variables
    assert "apply" not in vars(model.optimizer)


@pytest.mark.parametrize("name", CALLBACKS)
def test_round_trip_through_keras(name):
    callback = CALLBACKS[name]()
    config = keras.saving.serialize_keras_object(callback)
    copy = keras.saving.deserialize_keras_object(json.loads(json.dumps(config)))
    assert type(copy) is type(callback)
    assert copy.get_config() == callback.get_config()


def test_gradual_magnitude_follows_the_cubic_ramp(make_model, data):
    """Zhu and Gupta, eq. 1, with TF-MOT's argument names."""

    class Count(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.counts.append([zeros(k) for k in kernels(self.model)])

    count = Count()
    count.counts = []
    callback = GradualMagnitudeCallback(
        final_sparsity=0.8,
        initial_sparsity=0.2,
        begin_step=4,
        end_step=16,
        frequency=2,
        allocation="uniform",
    )
    model = make_model(keras.optimizers.SGD(1e-2, momentum=0.9))
    model.fit(
        *data, batch_size=16, epochs=4, verbose=0, callbacks=[callback, count]
    )
    assert len(count.counts) == 24
    assert count.counts[2] == [0, 0]
    for step in range(4, 24, 2):
        left = max(1 - (step - 4) / 12, 0)
        sparsity = 0.8 + (0.2 - 0.8) * left**3
        expected = [round(sparsity * size) for size in (640, 512)]
        assert count.counts[step - 1] == expected
        # Held until the next mask, momentum or not.
        assert count.counts[step] >= expected


def test_zeros_of_gradual_pruning_never_come_back(make_model, data):
    pruner = SLRPruner(0.9, solver=GradualMagnitude(), update_every=1)
    model = make_model(keras.optimizers.SGD(1e-2, momentum=0.9))
    pruner.begin(model, total_steps=20)
    before = to_numpy(model.layers[0].kernel) != 0
    for _ in range(20):
        pruner.step(model.train_on_batch(*data))
        now = to_numpy(model.layers[0].kernel) != 0
        assert not np.any(now & ~before)
        before = now
    pruner.finalize()


def test_admm_is_the_textbook_iteration(make_model, data):
    """Z = Pi(W + U), U <- U + W - Z in the scaled form, U = Lam / rho."""
    rho = 0.3
    pruner = uniform(ADMM.paper(rho), update_every=3)
    model = make_model("sgd")
    pruner.begin(model, total_steps=12)
    layer = model.layers[0]
    u = np.zeros((20, 32))
    for step in range(1, 13):
        pruner.step(model.train_on_batch(*data))
        if step % 3:
            continue
        w = to_numpy(layer.kernel).astype("float64")
        z = np.where(slow_keep_mask(w + u, 64), w + u, 0.0)
        u = u + w - z
        np.testing.assert_allclose(pruner.auxiliary(layer), z, atol=1e-6)
        np.testing.assert_allclose(
            pruner.multipliers(layer), rho * u, atol=1e-6
        )
    pruner.abandon()


def test_greg_1_decays_what_it_picked_at_the_start(make_model):
    """With no task gradient, SGD gives `W <- (1 - lr reg) W` on the picked."""
    x, y = np.zeros((8, 20), "float32"), np.zeros((8, 4), "float32")
    model = make_model(keras.optimizers.SGD(0.5))
    pruner = uniform(GReg.paper(until=1.0), update_every=1)
    pruner.begin(model, total_steps=10)
    start = w = to_numpy(model.layers[0].kernel).astype("float64")
    keep = slow_keep_mask(start, 64)
    reg = 1e-4
    for step in range(1, 10):
        pruner.step(model.train_on_batch(x, y))
        w = np.where(keep, w, w * (1 - 0.5 * reg))
        np.testing.assert_allclose(
            to_numpy(model.layers[0].kernel), w, rtol=1e-5
        )
        reg = step / 10
    pruner.abandon()


def test_greg_2_picks_after_a_penalty_on_all(make_model, data):
    model = make_model("sgd")
    solver = GReg.paper(pick_until=0.5, pick_reg=0.1)
    pruner = uniform(solver, update_every=1)
    pruner.begin(model, total_steps=10)
    layer = model.layers[0]
    for step in range(1, 10):
        pruner.step(model.train_on_batch(*data))
        kept = np.count_nonzero(pruner.auxiliary(layer))
        if step < 5:
            assert kept == 0
            np.testing.assert_allclose(pruner.run.state.reg, 0.02 * step)
        else:
            assert kept == 64
        if step == 5:
            w = to_numpy(layer.kernel)
            picked = pruner.auxiliary(layer) != 0
            np.testing.assert_array_equal(picked, slow_keep_mask(w, 64))
    np.testing.assert_array_equal(pruner.auxiliary(layer) != 0, picked)
    pruner.abandon()


def zero_gradients(make_model):
    """A model whose task gradients are zero, its data and first kernel."""
    x, y = np.zeros((8, 20), "float32"), np.zeros((8, 4), "float32")
    model = make_model(keras.optimizers.SGD(0.5))
    kernel = model.layers[0].kernel
    return model, (x, y), kernel, to_numpy(kernel).astype("float64")


def test_admm_without_arguments_steps_the_multipliers_with_rho(make_model):
    """The scaled form: `W` goes a share of the way to `Z - U`, `U += W - Z`.

    In the support, `Z` follows `W`, and `U` is zero. There are 40 updates, two
    steps each; the support settles after 32 of them.
    """
    model, batch, kernel, w = zero_gradients(make_model)
    pruner = uniform(ADMM(), update_every=2)
    pruner.begin(model, total_steps=80)
    u, keep, share = np.zeros_like(w), np.ones(w.shape, bool), 0.5
    for step in range(1, 80):
        pruner.step(model.train_on_batch(*batch))
        left = np.sqrt(1 - share)
        w = np.where(keep, w, left * w - (1 - left) * u)
        if step % 2 == 0 and share < 1.0:
            way = min(step / 64, 1.0)
            ramp = 1 - (1 - way) ** 3
            kept = w.size - round(0.9 * ramp * w.size)
            keep = slow_keep_mask(w + u, kept)
            u = np.where(keep, 0.0, u + w)
            share = 0.5 * (0.99 / 0.5) ** way
            if way == 1.0:
                share, u, w = 1.0, np.zeros_like(w), np.where(keep, w, 0.0)
        np.testing.assert_allclose(to_numpy(kernel), w, rtol=1e-4, atol=1e-6)
    pruner.finalize()
    np.testing.assert_array_equal(to_numpy(kernel) != 0, keep)


def test_greg_without_arguments_takes_a_growing_share(make_model):
    """Steps `W <- (1 - share)^(1 / 2) W` on the picked, two per update."""
    model, batch, kernel, w = zero_gradients(make_model)
    pruner = uniform(GReg(), update_every=2)
    pruner.begin(model, total_steps=40)
    keep, share = slow_keep_mask(w, 64), 0.99e-4
    for step in range(1, 40):
        pruner.step(model.train_on_batch(*batch))
        w = np.where(keep, w, w * np.sqrt(1 - share))
        if step % 2 == 0:
            share = 0.99 * step / 12 if step < 12 else 1.0
            w = np.where(keep | (step < 12), w, 0.0)
        np.testing.assert_allclose(to_numpy(kernel), w, rtol=1e-4, atol=1e-9)
    assert pruner.run.state.settled
    np.testing.assert_array_equal(to_numpy(kernel) != 0, keep)
    pruner.abandon()


SOLVERS = {
    "admm": ADMM(),
    "greg_1": GReg(),
    "greg_2": GReg.two(),
    "gmp": GradualMagnitude(),
    "iterative": IterativePruning(),
    "one_shot": OneShotMagnitude(),
}


def trained(solver, make_model, data, scale):
    """Kernels of a run whose loss is multiplied by `scale`.

    The learning rate is divided by it, so the task's own steps are the same.
    """
    keras.utils.set_random_seed(0)
    model = make_model(keras.optimizers.SGD(0.02 / scale), loss_weights=[scale])
    pruner = uniform(solver, update_every=1)
    pruner.begin(model, total_steps=40)
    for _ in range(40):
        pruner.step(model.train_on_batch(*data))
    pruner.finalize()
    return np.concatenate([to_numpy(k).ravel() for k in kernels(model)])


@pytest.mark.parametrize("name", SOLVERS)
def test_the_scale_of_the_loss_changes_nothing(name, make_model, data):
    # Powers of two are exact.
    once, often = (
        trained(SOLVERS[name], make_model, data, scale) for scale in (1.0, 64.0)
    )
    np.testing.assert_allclose(often, once, rtol=1e-4, atol=1e-5)


@pytest.fixture(scope="module")
def classes():
    """A trained classifier of ten classes: weights, a maker and its data."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(512, 20)).astype("float32")
    y = np.argmax(x @ rng.normal(size=(20, 10)), axis=1)

    def make():
        model = keras.Sequential(
            [
                keras.Input((20,)),
                keras.layers.Dense(64, "relu"),
                keras.layers.Dense(64, "relu"),
                keras.layers.Dense(10, "softmax"),
            ]
        )
        model.compile(
            keras.optimizers.SGD(0.05, momentum=0.9),
            "sparse_categorical_crossentropy",
            metrics=["accuracy"],
        )
        return model

    keras.utils.set_random_seed(0)
    model = make()
    model.fit(x, y, epochs=15, verbose=0)
    assert model.evaluate(x, y, verbose=0)[1] > 0.99
    return make, model.get_weights(), (x, y)


@pytest.mark.once("the accuracy is that of the mathematics")
@pytest.mark.parametrize(
    "method",
    [
        ADMMCallback,
        GRegCallback,
        GradualMagnitudeCallback,
        IterativePruningCallback,
        OneShotMagnitudeCallback,
    ],
)
def test_a_method_without_arguments_keeps_the_accuracy(method, classes):
    """With a penalty in the gradient, ADMM loses 12 points, for example."""
    make, weights, data = classes
    model = make()
    model.set_weights(weights)
    model.fit(*data, epochs=10, verbose=0, callbacks=[method(0.8)])
    assert model.evaluate(*data, verbose=0)[1] > 0.97


def test_the_presets_are_the_publications():
    admm = ADMMCallback.paper(0.8, finetune_epochs=2)
    assert admm.pruner.solver == ADMM(
        rho=1e-2,
        free_support=False,
        penalty="coupled",
        freeze_at=None,
        ramp=None,
    )
    assert admm.pruner.update_every == "epoch"
    assert admm.finetune_epochs == 2
    greg = GRegCallback.paper(0.8, update_every=5)
    assert greg.pruner.solver == GReg(reg=1.0, until=0.75, penalty="coupled")
    assert greg.pruner.update_every == 5
    assert GReg.two(until=0.5) == GReg(until=0.5, pick_until=0.05)


@pytest.mark.parametrize(
    "make",
    [
        lambda: GradualMagnitude(initial_sparsity=1.0),
        lambda: GradualMagnitude(begin_step=-1),
        lambda: GradualMagnitude(end_step=1.5),
        lambda: OneShotMagnitude(at=2.0),
        lambda: GReg(reg=0.0),
        lambda: GReg(pick_until=0.9),
        lambda: GReg(reg=1.0),
        lambda: GReg(penalty="both"),
        lambda: ADMM(rho=1.0),
        lambda: ADMM(penalty="both"),
        lambda: ADMM(freeze_at=2.0),
        lambda: GradualMagnitudeCallback(
            begin_step=3, solver=GradualMagnitude()
        ),
        lambda: GradualMagnitude(begin_step=0.8, end_step=0.5),
        lambda: GradualMagnitude(begin_step=9, end_step=3),
        lambda: keras_slr.IterativePruning(begin_step=9, end_step=3),
        lambda: GradualMagnitudeCallback(0.5, final_sparsity=0.8),
        lambda: GradualMagnitudeCallback(0.8, update_every=9, frequency=5),
        lambda: GradualMagnitudeCallback.while_training(
            0.5, begin_step=0.3, solver=GradualMagnitude()
        ),
    ],
)
def test_bad_settings_are_refused(make):
    with pytest.raises(ValueError, match="Received"):
        make()


def test_batch_norm_statistics_are_those_of_the_data():
    rng = np.random.default_rng(0)
    x = rng.normal(2.0, 3.0, size=(512, 6)).astype("float32")
    model = keras.Sequential(
        [keras.Input((6,)), keras.layers.BatchNormalization()]
    )
    assert keras_slr.renew_batch_norm(model, x, batch_size=64) == 1
    norm = model.layers[0]
    np.testing.assert_allclose(to_numpy(norm.moving_mean), x.mean(0), rtol=1e-4)
    # The mean over batches of 64 of the variance within them.
    within = np.mean([x[i : i + 64].var(0) for i in range(0, 512, 64)], 0)
    np.testing.assert_allclose(
        to_numpy(norm.moving_variance), within, rtol=1e-3
    )
    assert norm.momentum == 0.99
