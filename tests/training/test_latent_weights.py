"""The optimizer trains `U` while the model computes with `f(U)`."""

import keras
import numpy as np
import pytest

import keras_slr
from keras_slr import LearnedThresholds
from keras_slr import SLRPruner
from keras_slr.solvers.pruning_function import SLOPE
from tests.helpers import to_numpy

RNG = np.random.default_rng(0)
X = RNG.normal(size=(32, 6)).astype("float32")
Y = RNG.normal(size=(32, 4)).astype("float32")
RATE = 0.1


def make(optimizer=None):
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [keras.Input((6,)), keras.layers.Dense(4, use_bias=False)]
    )
    model.compile(optimizer or keras.optimizers.SGD(RATE), "mse")
    return model


def f(u, t):
    over = np.abs(u) - t
    soft = t / (1 + np.exp(-SLOPE * over / t))
    return np.sign(u) * (np.maximum(over, 0) + soft)


def slope(u, t):
    h = 1e-6 * t
    return (f(u + h, t) - f(u - h, t)) / (2 * h)


def test_steps_are_those_of_gradient_descent_on_the_latent_weights():
    model = make()
    pruner = SLRPruner(
        0.5,
        include="class:Dense",
        solver=LearnedThresholds(),
        update_every=1,
        allocation="uniform",
    )
    pruner.begin(model, total_steps=20)
    split = pruner.run.split
    (slot,) = split.slots
    # In the middle of the weights, so that some are below it.
    t = float(np.median(np.abs(to_numpy(slot.a))))
    split.soften(split.keep(split.latent, [0.0]), [t])
    u = to_numpy(slot.a).astype("float64")
    x, y = X.astype("float64"), Y.astype("float64")
    for _ in range(4):
        np.testing.assert_allclose(
            to_numpy(model.layers[0].kernel), f(u, t), rtol=1e-4, atol=1e-6
        )
        model.train_on_batch(X, Y)
        error = x @ f(u, t) - y
        u = u - RATE * slope(u, t) * (2 * x.T @ error / error.size)
        np.testing.assert_allclose(to_numpy(slot.a), u, rtol=1e-3, atol=1e-5)
    pruner.abandon()


def test_a_run_ends_at_the_rate_and_leaves_a_plain_model():
    model = make(keras.optimizers.Adam(0.01))
    callback = keras_slr.LearnedThresholdsCallback(0.75, include="class:Dense")
    history = model.fit(
        X, Y, epochs=12, batch_size=8, verbose=0, callbacks=[callback]
    )
    kernel = to_numpy(model.layers[0].kernel)
    assert np.sum(kernel == 0) == 18
    assert history.history["thresholds_target_sparsity"][-1] == 0.75
    pruned_loss = model.evaluate(X, Y, verbose=0)
    model.fit(X, Y, epochs=1, verbose=0)
    assert np.all(to_numpy(model.layers[0].kernel) != 0), "nothing holds it"
    assert pruned_loss < 2.0


def test_thresholds_move_the_rate_to_the_layers_that_can_do_with_less():
    """Nothing reads the outputs of one layer, so its threshold rises."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((6,))
    used = keras.layers.Dense(8, name="used")(inputs)
    idle = keras.layers.Dense(8, name="idle")(inputs)
    both = keras.layers.Concatenate()([used, idle])
    readout = np.zeros((16, 4), "float32")
    readout[:8] = RNG.normal(size=(8, 4))
    head = keras.layers.Dense(4, name="head")
    model = keras.Model(inputs, head(both))
    head.set_weights([readout, np.zeros(4, "float32")])
    head.trainable = False
    # What the model computes now: only pruning makes an error.
    target = model.predict(X, verbose=0)
    model.compile(keras.optimizers.SGD(0.05), "mse")
    callback = keras_slr.LearnedThresholdsCallback(
        0.5, include=["used", "idle"], update_every=1
    )
    model.fit(
        X, target, epochs=40, batch_size=8, verbose=0, callbacks=[callback]
    )
    zeros = {
        name: int(np.sum(to_numpy(model.get_layer(name).kernel) == 0))
        for name in ("used", "idle")
    }
    assert sum(zeros.values()) == 48
    assert zeros["idle"] > zeros["used"] + 4, zeros


def test_a_stronger_push_removes_more():
    found = []
    for strength in (0.1, 0.9):
        model = make(keras.optimizers.Adam(0.01))
        solver = LearnedThresholds(strength=strength, speed=2.0)
        callback = keras_slr.LearnedThresholdsCallback(
            solver=solver, include="class:Dense", update_every=1
        )
        model.fit(
            X, Y, epochs=12, batch_size=8, verbose=0, callbacks=[callback]
        )
        found.append(callback.report().sparsity)
    assert found[0] < found[1]


@pytest.mark.once("reads arguments")
def test_what_will_not_do_is_refused():
    for arguments in (
        {"strength": 0.0},
        {"strength": 1.5},
        {"speed": 0.0},
        {"speed": 1e4},
    ):
        with pytest.raises(ValueError, match=r"Expected .*Received"):
            LearnedThresholds(**arguments)
    with pytest.raises(ValueError, match="until"):
        LearnedThresholds(until=0.0)
    callback = keras_slr.LearnedThresholdsCallback(
        solver=LearnedThresholds(strength=0.5),
        structure=keras_slr.Filter(grouped=False),
        include="class:Dense",
    )
    with pytest.raises(ValueError, match="ask for a rate instead"):
        make().fit(X, Y, verbose=0, callbacks=[callback])


def by_strength(**arguments):
    return keras_slr.LearnedThresholdsCallback(
        solver=LearnedThresholds(strength=0.2),
        include="class:Dense",
        update_every=1,
        **arguments,
    )


@pytest.mark.once("reads arguments")
def test_a_strength_takes_the_place_of_everything_that_sets_a_rate():
    for arguments in (
        {"rate": 0.9},
        {"rate": {"dense": 0.9}},
        {"budget": keras_slr.Budget(flops=0.5)},
    ):
        with pytest.raises(ValueError, match="leave one of them out"):
            by_strength(**arguments)
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(4)])
    model.compile("sgd", "mse")
    x = np.ones((4, 8), "float32")
    callback = by_strength(structure=keras_slr.NM(2, 4))
    with pytest.raises(ValueError, match=r"keep to NM\(n=2, m=4\)"):
        model.fit(x, Y[:4], verbose=0, callbacks=[callback])


@pytest.mark.once("reads arguments")
def test_thresholds_decide_whatever_asks_for_them():
    """The command line and `SLRPruner` know the method by its solver."""
    for rate, allocation in ((None, "pooled"), ({"dense": 0.5}, None)):
        for make_one in (SLRPruner, keras_slr.PruningCallback):
            one = make_one(rate, solver=LearnedThresholds())
            plan = getattr(one, "pruner", one).plan
            assert plan.allocation == allocation


@pytest.mark.filterwarnings("ignore:Pruning ended after")
def test_a_strength_that_ends_early_removes_what_is_below_its_thresholds():
    model = make()
    solver = LearnedThresholds(strength=0.2)
    pruner = SLRPruner(solver=solver, include="class:Dense", update_every=1)
    pruner.begin(model, total_steps=20)
    for _ in range(2):
        model.train_on_batch(X, Y)
        pruner.step(1.0)
    (slot,) = pruner.run.split.slots
    sizes, t = np.abs(to_numpy(slot.a)), float(to_numpy(slot.t))
    report = pruner.prune()
    # Not the default rate, 0.9.
    assert report.sparsity == np.mean(sizes <= t) < 0.5


def test_a_second_run_by_strength_starts_above_the_zeros_of_the_first():
    model = make()
    kernel = model.layers[0].kernel
    value = to_numpy(kernel).copy()
    value[:3] = 0.0
    kernel.assign(value)
    pruner = SLRPruner(
        solver=LearnedThresholds(strength=0.2), include="class:Dense"
    )
    pruner.begin(model, total_steps=20)
    (slot,) = pruner.run.split.slots
    rest = np.abs(value[3:])
    t = float(to_numpy(slot.t))
    assert rest.min() <= t < np.median(rest)
    pruner.abandon()
