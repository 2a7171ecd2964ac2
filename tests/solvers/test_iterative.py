"""Iterative pruning, against thresholds that are computed filter by filter."""

import keras
import numpy as np
import pytest
from keras import layers

import keras_slr
from keras_slr import IterativePruning
from keras_slr import IterativePruningCallback
from keras_slr import SLRPruner
from tests.checkpoints.test_resume import Die
from tests.helpers import slow_where_compiled
from tests.helpers import to_numpy
from tests.helpers import zeros
from tests.structures.test_filter import residual

RNG = np.random.default_rng(0)
X = RNG.normal(size=(32, 8, 8, 3)).astype("float32")
Y = RNG.normal(size=(32, 40)).astype("float32")


def plain():
    """Layers of different sizes, whose weights move far in a few steps.

    They begin as the same on every backend.
    """
    rng = np.random.default_rng(1)
    model = keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            layers.Conv2D(10, 3, activation="relu", name="a"),
            layers.Conv2D(14, 3, strides=2, activation="relu", name="b"),
            layers.Flatten(),
            layers.Dense(20, activation="relu", name="c"),
            layers.Dense(40, name="head"),
        ]
    )
    for layer in model.layers:
        if hasattr(layer, "kernel"):
            shape = tuple(layer.kernel.shape)
            deviation = np.prod(shape[:-1]) ** -0.5
            layer.kernel.assign(rng.normal(0.0, deviation, shape))
    model.compile(keras.optimizers.SGD(0.2, momentum=0.9), "mse")
    return model


def steps(pruner, model, total, data=(X, Y)):
    """Yields every step after it is counted, with the kernels before."""
    pruner.begin(model, total_steps=total)
    for step in range(1, total + 1):
        loss = model.train_on_batch(*data)
        before = {
            layer.name: to_numpy(layer.kernel).copy()
            for layer in model.layers
            if hasattr(layer, "kernel")
        }
        pruner.step(loss)
        yield step, before
    pruner.finalize()


def test_each_iteration_removes_the_same_share_of_what_is_left(
    make_model, data
):
    solver = IterativePruning(3, begin_step=3, end_step=12)
    pruner = SLRPruner(0.9, solver=solver, update_every=1, allocation="uniform")
    model = make_model(keras.optimizers.SGD(1e-2, momentum=0.9))
    left = {"hidden": np.ones((20, 32), bool), "middle": np.ones((32, 16))}
    seen = []
    for step, _ in steps(pruner, model, 15, data):
        iteration = sum(step >= due for due in (6, 9, 12))
        for name, alive in left.items():
            now = to_numpy(model.get_layer(name).kernel) != 0
            removed = round((1 - 0.1 ** (iteration / 3)) * now.size)
            assert now.size - now.sum() == removed, (step, name)
            assert not np.any(now & ~(alive > 0)), "zeros stay zero"
            left[name] = now
        seen.append(pruner.run.solver.settled(pruner.run.state, None, None))
    assert seen == [step >= 12 for step in range(1, 16)]


def test_fractions_of_the_run_and_updates_that_skip_iterations(
    make_model, data
):
    solver = IterativePruning(5, end_step=0.8)
    model = make_model()
    pruner = SLRPruner(0.9, solver=solver, update_every=7, allocation="uniform")
    counts = [
        zeros(model.get_layer("middle").kernel)
        for _ in steps(pruner, model, 21, data)
    ]
    # Iterations are due every 3.36 steps: two after 7, and four after 14.
    two, four = (round((1 - 0.1 ** (i / 5)) * 512) for i in (2, 4))
    assert counts == [0] * 6 + [two] * 7 + [four] * 7 + [round(0.9 * 512)]


def removed_by_hand(scores, sizes, rate):
    """Which filters one threshold removes: the largest ones fill the rest.

    The largest one of each layer stays in any case.

    Args:
        scores: Dict of vectors, one score per filter of each layer.
        sizes: Dict of integers, the entries of a filter of each layer.
        rate: Float, the share of the entries that goes.
    """
    ranked = sorted(
        (
            (score == max(each), score, name, i)
            for name, each in scores.items()
            for i, score in enumerate(each)
        ),
        reverse=True,
    )
    total = sum(len(each) * sizes[name] for name, each in scores.items())
    room = total - round(rate * total)
    removed = {name: np.ones(len(each), bool) for name, each in scores.items()}
    for *_, name, i in ranked:
        room -= sizes[name]
        if room < 0:
            break
        removed[name][i] = False
    return removed


def dead(kernel):
    return ~kernel.reshape(-1, kernel.shape[-1]).any(0)


def mean_magnitudes(kernel):
    flat = kernel.reshape(-1, kernel.shape[-1])
    return np.array([sum(map(abs, w)) / len(w) for w in flat.T.tolist()])


def glance(rate, include, **arguments):
    return IterativePruningCallback.at_a_glance(
        rate, include=include, update_every=1, **arguments
    ).pruner


@slow_where_compiled
def test_at_a_glance_has_one_threshold_in_every_iteration():
    model = plain()
    names = ["a", "b", "c"]
    first = {
        n: mean_magnitudes(to_numpy(model.get_layer(n).kernel)) for n in names
    }
    pruner = glance(0.7, names, solver=IterativePruning(3, 0, 12))
    differs = 0
    for step, before in steps(pruner, model, 14):
        if step not in (4, 8, 12):
            continue
        kernels = {n: before[n] for n in names}
        sizes = {n: w[..., 0].size for n, w in kernels.items()}
        scores = {n: mean_magnitudes(w) for n, w in kernels.items()}
        rate = 1 - 0.3 ** (step / 12)
        expected = removed_by_hand(scores, sizes, rate)
        for name in names:
            layer = model.get_layer(name)
            found = dead(to_numpy(layer.kernel))
            np.testing.assert_array_equal(found, expected[name], (step, name))
            assert not to_numpy(layer.bias)[found].any()
        stale = removed_by_hand(first, sizes, rate)
        differs += any(stale[n].sum() != expected[n].sum() for n in names)
    assert differs, "the weights have moved enough to tell"
    for row in pruner.finalize().pruned:
        assert row.rate == pytest.approx(row.zeros / row.size)


@slow_where_compiled
def test_at_a_glance_shares_masks_through_additions():
    """Filters that are added up compare by the sum of their two means."""
    model = residual()
    model.compile(keras.optimizers.SGD(0.1, momentum=0.9), "mse")
    pruner = glance(
        0.5, ["stem", "inner", "outer"], solver=IterativePruning(2, 0, 6)
    )
    names = ("stem", "inner", "outer")
    for step, before in steps(pruner, model, 8):
        if step not in (3, 6):
            continue
        mean = {n: mean_magnitudes(before[n]) for n in names}
        expected = removed_by_hand(
            {"stem": mean["stem"] + mean["outer"], "inner": mean["inner"]},
            {n: before[n][..., 0].size for n in ("inner",)}
            | {"stem": sum(before[n][..., 0].size for n in ("stem", "outer"))},
            1 - 0.5 ** (step / 6),
        )
        assert any(each.any() for each in expected.values())
        for name in names:
            found = dead(to_numpy(model.get_layer(name).kernel))
            of = "inner" if name == "inner" else "stem"
            np.testing.assert_array_equal(found, expected[of], (step, name))
    small = keras_slr.shrink(model)
    np.testing.assert_allclose(
        small.predict(X, verbose=0),
        model.predict(X, verbose=0),
        rtol=1e-4,
        atol=1e-5,
    )
    assert small.count_params() < model.count_params()


@slow_where_compiled
def test_no_layer_becomes_empty():
    model = plain()
    model.compile(keras.optimizers.SGD(1e-9), "mse")
    for name in ("a", "c"):
        kernel = model.get_layer(name).kernel
        kernel.assign(to_numpy(kernel) * 1e-6)
    pruner = glance(0.9, ["a", "b", "c"], solver=IterativePruning(3, 0, 6))
    for _ in steps(pruner, model, 6):
        pass
    alive = {
        n: int((~dead(to_numpy(model.get_layer(n).kernel))).sum())
        for n in ("a", "b", "c")
    }
    assert min(alive.values()) == 1
    assert alive["b"] > 1


def test_zeros_stay_zero_where_the_allocation_changes_its_mind(
    make_model, data
):
    calls = []

    def restless(shares, rate):
        calls.append(rate)
        rates = [0.8 * rate, 0.2 * rate]
        return rates if len(calls) < 4 else rates[::-1]

    solver = IterativePruning(4, 0, 8)
    pruner = SLRPruner(0.9, solver=solver, update_every=1, allocation=restless)
    model = make_model(keras.optimizers.SGD(0.1, momentum=0.9))
    before = [np.ones(k.shape, bool) for k in kernels(model)]
    for _ in steps(pruner, model, 10, data):
        rates = pruner.run.split.rates
        now = [to_numpy(k) != 0 for k in kernels(model)]
        for old, new in zip(before, now):
            assert not np.any(new & ~old)
        before = now
    # The run ends with what was allocated last.
    np.testing.assert_allclose(rates, [0.2 * 0.9, 0.8 * 0.9])
    assert all(mask.mean() < 0.85 for mask in before)


def kernels(model):
    return [model.get_layer(name).kernel for name in ("hidden", "middle")]


@slow_where_compiled
def test_a_budget_is_kept_by_the_weights_at_the_end():
    model = plain()
    pruner = SLRPruner(
        budget=keras_slr.Budget(flops=0.7),
        solver=IterativePruning(3),
        structure=keras_slr.Filter(),
        allocation="global",
        update_every=1,
    )
    products = sum(keras_slr.macs(model).values())
    seen = []
    for _, _ in steps(pruner, model, 20):
        seen.append(sum(zeros(model.get_layer(n).kernel) for n in "abc"))
    small = keras_slr.shrink(model)
    left = sum(keras_slr.macs(small).values())
    assert 0.65 * products < left <= 0.7 * products
    assert len(set(seen)) == 4  # None at first, then three iterations.


def test_a_fixed_rate_is_reached_in_iterations(make_model, data):
    model = make_model()
    pruner = SLRPruner(
        structure=keras_slr.NM(2, 4),
        solver=IterativePruning(2, 0, 4),
        update_every=1,
    )
    counts = [
        zeros(model.get_layer("middle").kernel)
        for _ in steps(pruner, model, 5, data)
    ]
    half = round((1 - 0.5**0.5) * 512)
    assert counts == [0, half, half, 256, 256]


def test_a_rate_for_each_layer(make_model, data):
    model = make_model()
    pruner = SLRPruner(
        {"hidden": 0.5, "middle": 0.75},
        solver=IterativePruning(2, 0, 4),
        update_every=1,
    )
    counts = [
        [zeros(k) for k in kernels(model)]
        for _ in steps(pruner, model, 5, data)
    ]
    assert counts[1] == [round((1 - 0.5**0.5) * 640), 256]
    assert counts[4] == [320, 384]


def glance_in_fit(*callbacks):
    keras.utils.set_random_seed(3)
    model = plain()
    pruning = IterativePruningCallback.at_a_glance(
        0.7, include=["a", "b", "c"], solver=IterativePruning(4)
    )
    model.fit(
        X,
        Y,
        batch_size=8,
        epochs=5,
        verbose=0,
        callbacks=[pruning, *callbacks],
    )
    return model, pruning.report()


@slow_where_compiled
def test_a_run_killed_between_iterations_resumes(tmp_path):
    model, report = glance_in_fit()
    folder = str(tmp_path)

    def backup():
        return keras.callbacks.BackupAndRestore(folder, save_freq=3)

    with pytest.raises(KeyboardInterrupt):
        glance_in_fit(backup(), Die(2, 2))
    resumed, again = glance_in_fit(backup())
    assert [row.rate for row in again.rows] == [row.rate for row in report.rows]
    for a, b in zip(model.get_weights(), resumed.get_weights()):
        np.testing.assert_array_equal(a, b)


@pytest.mark.once("pure Python")
def test_at_a_glance_takes_other_arguments():
    callback = IterativePruningCallback.at_a_glance(
        0.5, allocation="lamp", finetune_epochs=2
    )
    config = keras.saving.serialize_keras_object(callback)
    for made in (callback, keras.saving.deserialize_keras_object(config)):
        plan = made.pruner.plan
        assert plan.structure == keras_slr.Filter()
        assert plan.allocation == "lamp"
        assert made.pruner.score == keras_slr.scores.Magnitude(1, mean=True)
        assert made.pruner.solver == IterativePruning()
        assert made.finetune_epochs == 2


@pytest.mark.once("arguments")
@pytest.mark.parametrize(
    "arguments", [{"iterations": 0}, {"begin_step": -1}, {"end_step": 1.5}]
)
def test_bad_settings_are_refused(arguments):
    with pytest.raises(ValueError, match=f"Expected.*{[*arguments][0]}.*Rec"):
        IterativePruning(**arguments)
