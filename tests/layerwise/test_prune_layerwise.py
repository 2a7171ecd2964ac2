"""`prune_layerwise`: errors, order, statistics and whole units."""

import concurrent.futures
import multiprocessing

import keras
import numpy as np
import pytest
from keras import layers

import keras_slr
from tests.helpers import to_numpy


def rows(count=96, width=12, seed=0):
    """Returns correlated inputs."""
    rng = np.random.default_rng(seed)
    mix = rng.normal(size=(width, width)) / width**0.5
    return (rng.normal(size=(count, width)) @ mix).astype("float32")


def network(seed=0):
    model = keras.Sequential(
        [
            keras.Input((12,)),
            layers.Dense(24, activation="relu", name="first"),
            layers.Dense(16, activation="relu", name="second"),
            layers.Dense(4, name="last"),
        ]
    )
    # The same on all backends.
    rng = np.random.default_rng(seed)
    for variable in model.trainable_variables:
        scale = 0.1 if variable.name == "bias" else variable.shape[0] ** -0.5
        variable.assign(scale * rng.normal(size=variable.shape))
    return model


def prune(model, x, **arguments):
    plan = {"rate": 0.5, "include": "class:Dense", "allocation": "uniform"}
    return keras_slr.prune_layerwise(
        model, x, **plan | {"verbose": 0} | arguments
    )


def copy_of(model):
    copy = keras.models.clone_model(model)
    copy.set_weights(model.get_weights())
    return copy


def outputs(model, x, name):
    """Returns the outputs of a layer in front of its bias and activation."""
    at = model.get_layer(name)
    before = keras.Model(model.inputs, at.input)
    return before.predict(x, verbose=0) @ to_numpy(at.kernel)


@pytest.mark.parametrize("method", ["slr", "magnitude"])
def test_errors_are_those_of_the_layers_outputs(method):
    x, model = rows(), network()
    dense = copy_of(model)
    report = prune(model, x, method=method)
    held_out = np.arange(len(x)) % 5 == 4
    for row, name in zip(report.rows, ("first", "second", "last"), strict=True):
        wanted = outputs(dense, x, name)
        square = (outputs(model, x, name) - wanted) ** 2
        expected = square.sum() / (wanted**2).sum()
        np.testing.assert_allclose(row.after.calibration, expected, 1e-3)
        expected = square[held_out].sum() / (wanted[held_out] ** 2).sum()
        if method == "magnitude":
            np.testing.assert_allclose(row.after.held_out, expected, 1e-3)
            continue
        # The kernel has been fitted to these samples, too.
        assert expected < row.after.held_out
        assert row.after.calibration < row.before.calibration
        assert row.zeros == 0.5
    assert report.samples == len(x)
    assert report.sparsity == 0.5


def test_the_model_is_nearer_to_the_dense_one_than_by_magnitude():
    x, model = rows(), network()
    dense = model.predict(x, verbose=0)
    by_magnitude, own, parallel = (copy_of(model) for _ in range(3))
    keras_slr.hard_prune(
        by_magnitude, 0.5, include="class:Dense", allocation="uniform"
    )
    prune(model, x)
    prune(own, x, targets="own")
    prune(parallel, x, order="parallel")
    error = [
        np.mean((each.predict(x, verbose=0) - dense) ** 2)
        for each in (model, own, parallel, by_magnitude)
    ]
    assert error[0] < min(error[1:3]) < max(error[1:3]) < 0.5 * error[3]


@pytest.mark.slow
def test_two_processes_solve_what_one_does():
    x, model = rows(), network()
    other = copy_of(model)
    prune(model, x, order="parallel")
    spawn = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(2, spawn) as executor:
        prune(other, x, order="parallel", executor=executor)
    for mine, theirs in zip(model.get_weights(), other.get_weights()):
        np.testing.assert_allclose(mine, theirs, rtol=1e-6, atol=1e-7)


def convolutions(pooled):
    keras.utils.set_random_seed(1)
    x = inputs = keras.Input((8, 8, 3))
    x = layers.Conv2D(8, 3, padding="same", use_bias=False, name="stem")(x)
    x = layers.BatchNormalization(name="norm_1")(x)
    y = layers.Conv2D(8, 3, padding="same", use_bias=False, name="inner")(
        layers.ReLU()(x)
    )
    y = layers.BatchNormalization(name="norm_2")(y)
    x = layers.ReLU()(layers.Add()([x, y]))
    x = (layers.GlobalAveragePooling2D() if pooled else layers.Flatten())(x)
    return keras.Model(inputs, layers.Dense(5, name="head")(x))


def pictures(count=40):
    rng = np.random.default_rng(2)
    return rng.normal(size=(count, 8, 8, 3)).astype("float32")


def test_statistics_follow_what_pruning_changed():
    x, model = pictures(), convolutions(pooled=True)
    norm = model.get_layer("norm_2")
    before = keras.Model(model.inputs, norm.input)
    # Statistics that fit the dense model exactly have to fit the pruned one.
    y = before.predict(x, verbose=0)
    norm.moving_mean.assign(y.mean((0, 1, 2)))
    norm.moving_variance.assign(y.var((0, 1, 2)))
    prune(model, x, include="inner")
    y = before.predict(x, verbose=0)
    np.testing.assert_allclose(
        to_numpy(norm.moving_mean), y.mean((0, 1, 2)), rtol=1e-3, atol=1e-5
    )
    np.testing.assert_allclose(
        to_numpy(norm.moving_variance), y.var((0, 1, 2)), rtol=1e-3, atol=1e-6
    )
    np.testing.assert_array_equal(
        to_numpy(model.get_layer("norm_1").moving_mean), np.zeros(8)
    )


def test_statistics_stay_on_request():
    x, model = pictures(), convolutions(pooled=True)
    prune(model, x, include="inner", match_batch_norm=False)
    norm = model.get_layer("norm_2")
    np.testing.assert_array_equal(to_numpy(norm.moving_mean), np.zeros(8))
    np.testing.assert_array_equal(to_numpy(norm.moving_variance), np.ones(8))


@pytest.mark.parametrize("order", ["sequential", "parallel"])
def test_units_are_removed_and_their_readers_make_up_for_it(order):
    x, model = rows(200), network()
    dense, by_norm = model.predict(x, verbose=0), copy_of(model)
    structure = keras_slr.Filter()
    keras_slr.hard_prune(by_norm, 0.5, structure=structure)
    prune(
        model,
        x,
        allocation=None,
        include=None,
        order=order,
        structure=structure,
    )
    pruned = model.predict(x, verbose=0)

    smaller = keras_slr.shrink(model)

    assert smaller.get_layer("first").units == 12
    np.testing.assert_allclose(
        smaller.predict(x, verbose=0), pruned, rtol=1e-3, atol=1e-4
    )
    error = np.mean((pruned - dense) ** 2)
    limit = np.mean((by_norm.predict(x, verbose=0) - dense) ** 2)
    # In parallel, no reader knows how the others make up.
    assert error < (0.5 if order == "sequential" else 0.9) * limit


@pytest.mark.parametrize("pooled", [True, False])
def test_filters_that_are_added_up_are_removed_together(pooled):
    x, model = pictures(), convolutions(pooled)
    dense = copy_of(model)
    prune(
        model,
        x,
        allocation=None,
        include="class:Conv2D",
        structure=keras_slr.Filter(),
    )
    # What the head makes of the remaining filters is the best it can.
    before = keras.Model(model.inputs, model.get_layer("head").input)
    inputs = before.predict(x, verbose=0)
    alive = np.any(inputs != 0, axis=0)
    fitted = np.arange(len(x)) % 5 != 4
    bias = dense.get_layer("head").bias
    wanted = dense.predict(x, verbose=0) - to_numpy(bias)
    if pooled:
        best, *_ = np.linalg.lstsq(
            inputs[fitted][:, alive], wanted[fitted], rcond=None
        )
        least = np.sum((inputs[fitted][:, alive] @ best - wanted[fitted]) ** 2)
        found = inputs @ to_numpy(model.get_layer("head").kernel)
        error = np.sum((found - wanted)[fitted] ** 2)
        assert least <= error < 2.0 * least
    pruned = model.predict(x, verbose=0)
    smaller = keras_slr.shrink(model)
    assert smaller.get_layer("stem").filters == 4
    np.testing.assert_allclose(
        smaller.predict(x, verbose=0), pruned, rtol=1e-3, atol=1e-4
    )


def test_a_shared_layer_is_one_problem():
    keras.utils.set_random_seed(3)
    shared = layers.Dense(12, name="shared")
    first, second = keras.Input((12,)), keras.Input((12,))
    model = keras.Model(
        [first, second], layers.Concatenate()([shared(first), shared(second)])
    )
    x = rows(seed=4), 3.0 * rows(seed=5)
    trained = model.get_weights()
    (row,) = prune(model, list(x)).rows
    assert row.rows == 2 * 96
    model.set_weights(trained)
    alone = keras.Sequential([keras.Input((12,)), layers.Dense(12)])
    alone.set_weights(trained)
    # Every fifth sample is held out of both: five of one, five of the other.
    fives = [each[:95].reshape(-1, 1, 5, 12) for each in x]
    prune(model, [each[:95] for each in x])
    prune(alone, np.concatenate(fives, axis=1).reshape(-1, 12))
    np.testing.assert_allclose(
        to_numpy(alone.layers[0].kernel),
        to_numpy(shared.kernel),
        rtol=1e-4,
        atol=1e-5,
    )


def test_interruption_leaves_the_model_as_it_was(monkeypatch):
    from keras_slr.layerwise import run

    x, model = rows(), network()
    before = [w.copy() for w in model.get_weights()]
    solve, calls = run.solve, []

    def interrupted(task):
        calls.append(task)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return solve(task)

    monkeypatch.setattr(run, "solve", interrupted)
    with pytest.raises(KeyboardInterrupt):
        prune(model, x)
    for mine, old in zip(model.get_weights(), before):
        np.testing.assert_array_equal(mine, old)
    calls.clear()
    with pytest.raises(KeyboardInterrupt):
        prune(model, x, keep_finished=True)
    zeros = [np.mean(w == 0) for w in model.get_weights()[::2]]
    assert zeros[0] == 0.5
    assert zeros[1:] == [0, 0]


def test_batch_norm_is_renewed_like_the_dense_model():
    x, model = pictures(), convolutions(pooled=True)
    dense, matched = copy_of(model), copy_of(model)
    prune(model, x, include="inner")
    pruned = to_numpy(model.get_layer("inner").kernel)
    matched.get_layer("inner").kernel.assign(pruned)
    assert keras_slr.renew_batch_norm(matched, x, like=dense) == 2
    for mine, other in zip(matched.get_weights(), model.get_weights()):
        np.testing.assert_allclose(mine, other, rtol=1e-4, atol=1e-5)
    with pytest.raises(ValueError, match="Expected `like` to be the model"):
        keras_slr.renew_batch_norm(matched, x, like=network())


@pytest.mark.once("distributes rates by NumPy")
def test_rates_are_those_of_hard_prune():
    x, model = rows(60), network()
    one_shot = copy_of(model)
    keras_slr.hard_prune(one_shot, 0.5, include="class:Dense")
    prune(model, x, allocation=None)
    zeros = [np.mean(to_numpy(each.kernel) == 0) for each in model.layers]
    expected = [np.mean(to_numpy(each.kernel) == 0) for each in one_shot.layers]
    np.testing.assert_allclose(zeros, expected, atol=0.01)
    assert max(zeros) > min(zeros) + 0.05
