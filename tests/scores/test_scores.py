"""Scores on models whose gradients can be written down."""

import keras
import numpy as np
import pytest
from keras import layers

import keras_slr
from keras_slr import scores
from keras_slr.scores.score import over_outputs
from keras_slr.scores.scorer import Scorer
from keras_slr.selection.kernels import weights_of
from tests.helpers import to_numpy

RNG = np.random.default_rng(0)
X = RNG.normal(size=(48, 6)).astype("float32")
Y = RNG.normal(size=(48, 4)).astype("float32")
BATCH = 16


@pytest.fixture
def linear():
    model = keras.Sequential(
        [keras.Input((6,)), layers.Dense(4, use_bias=False)]
    )
    model.compile("adam", "mse")
    return model


def kernels(model):
    return [w for w in weights_of(model) if w.variable.name == "kernel"]


def gradients_of_batches(w):
    """The gradient of the mean square of `X W - Y`, batch by batch."""
    return [
        2 * x.T @ (x @ w - y) / y.size
        for x, y in zip(np.split(X, 3), np.split(Y, 3))
    ]


def scored(score, model, data=(X, Y)):
    return Scorer(score, model, data, BATCH).of(kernels(model))


def test_taylor_is_the_mean_square_of_g_w(linear):
    w = to_numpy(linear.layers[0].kernel)
    expected = np.sqrt(
        np.mean([(g * w) ** 2 for g in gradients_of_batches(w)], axis=0)
    )
    (found,) = scored(scores.Taylor(), linear)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-7)


def test_fisher_is_the_mean_square_of_the_gradients_times_the_weight(linear):
    w = to_numpy(linear.layers[0].kernel)
    v = np.mean([g**2 for g in gradients_of_batches(w)], axis=0)
    expected = np.abs(w) * np.sqrt(v + 0.1 * v.mean())
    (found,) = scored(scores.Fisher(), linear)
    np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_snip_has_the_gradient_of_all_data_and_sums_to_one(linear):
    w = to_numpy(linear.layers[0].kernel)
    expected = np.abs(w * (X.T @ (X @ w - Y)))
    (found,) = scored(scores.SNIP(), linear)
    np.testing.assert_allclose(found, expected / expected.sum(), rtol=1e-4)


def test_taylor_on_feature_maps_is_the_mean_change_by_a_filter(linear):
    w = to_numpy(linear.layers[0].kernel)
    changes = []
    for x, y in zip(np.split(X, 3), np.split(Y, 3)):
        a = x @ w
        change = np.abs(np.sum(a * 2 * (a - y) / y.size, axis=0))
        changes.append(change / np.linalg.norm(change))
    (found,) = scored(scores.Taylor("feature_maps"), linear)
    norms = np.linalg.norm(found, axis=0)
    np.testing.assert_allclose(norms, np.mean(changes, axis=0), rtol=1e-4)


def test_feature_maps_of_convolutions():
    """The gate in front of each map, moved by hand, changes the loss so."""
    model = keras.Sequential(
        [
            keras.Input((6, 6, 2)),
            layers.Conv2D(3, 3, use_bias=False),
            layers.Activation("tanh"),
            layers.Flatten(),
            layers.Dense(2, trainable=False),
        ]
    )
    model.compile("sgd", "mse")
    x = RNG.normal(size=(8, 6, 6, 2)).astype("float32")
    y = RNG.normal(size=(8, 2)).astype("float32")
    kernel = model.layers[0].kernel
    w = to_numpy(kernel).copy()
    changes = []
    for i in range(3):
        losses = []
        for step in (0.01, -0.01):
            scale = np.ones(3, "float32")
            scale[i] += step
            kernel.assign(w * scale)
            losses.append(model.evaluate(x, y, verbose=0))
        changes.append(abs(losses[0] - losses[1]) / 0.02)
    kernel.assign(w)
    found, *_ = scored(scores.Taylor("feature_maps"), model, (x, y))
    norms = np.sqrt(np.sum(found**2, axis=(0, 1, 2)))
    expected = np.array(changes) / np.linalg.norm(changes)
    np.testing.assert_allclose(norms, expected, rtol=2e-2, atol=2e-3)


def test_sample_weights_and_several_outputs():
    x = keras.Input((6,), name="x")
    left = layers.Dense(4, use_bias=False, name="left")(x)
    right = layers.Dense(4, use_bias=False, name="right")(x)
    model = keras.Model({"x": x}, {"left": left, "right": right})
    factors = {"left": 1.0, "right": 3.0}
    model.compile("sgd", dict.fromkeys(factors, "mse"), loss_weights=factors)
    weight = RNG.random(48).astype("float32")
    data = ({"x": X}, dict.fromkeys(factors, Y), dict.fromkeys(factors, weight))
    found = Scorer(scores.SNIP(), model, data, 48).of(kernels(model))
    expected = []
    for name, factor in factors.items():
        w = to_numpy(model.get_layer(name).kernel)
        g = 2 * factor * X.T @ (weight[:, None] * (X @ w - Y)) / Y.size
        expected.append(np.abs(w * g))
    total = sum(e.sum() for e in expected)
    for got, e in zip(found, expected):
        np.testing.assert_allclose(got, e / total, rtol=1e-3, atol=1e-6)


def test_added_losses_count(linear):
    """Training minimises them, too."""
    x = keras.Input((6,))
    regular = layers.Dense(
        4,
        use_bias=False,
        kernel_regularizer=keras.regularizers.L2(0.5),
        activity_regularizer=keras.regularizers.L2(0.0),
    )
    model = keras.Model(x, regular(x))
    model.compile("sgd", "mse")
    regular.kernel.assign(linear.layers[0].kernel)
    w = to_numpy(regular.kernel)
    g = 2 * X.T @ (X @ w - Y) / Y.size + w
    (found,) = Scorer(scores.SNIP(), model, (X, Y), 48).of(kernels(model))
    expected = np.abs(w * g)
    np.testing.assert_allclose(found, expected / expected.sum(), rtol=1e-4)


def test_moments_of_the_optimizer_without_data(linear):
    linear.fit(X, Y, epochs=1, verbose=0)
    w = to_numpy(linear.layers[0].kernel)
    (v,) = (
        to_numpy(variable)
        for variable in linear.optimizer.variables
        if variable.path.endswith("velocity") and variable.shape == (6, 4)
    )
    expected = np.abs(w) * (v + 0.1 * v.mean()) ** 0.25
    (found,) = scored(scores.Fisher(power=0.25), linear, data=None)
    np.testing.assert_allclose(found, expected, rtol=1e-4)


@pytest.mark.once("NumPy alone computes")
@pytest.mark.parametrize("mean", [False, True])
def test_l1_norms_choose_filters(mean):
    model = keras.Sequential(
        [
            keras.Input((8, 8, 2)),
            layers.Conv2D(8, 3),
            layers.Conv2D(8, 5),
            layers.GlobalAveragePooling2D(),
            layers.Dense(2),
        ]
    )
    kernels_ = [to_numpy(layer.kernel) for layer in model.layers[:2]]
    norms = [np.abs(w).sum(axis=(0, 1, 2)) for w in kernels_]
    if mean:
        norms = [n / np.prod(w.shape[:3]) for n, w in zip(norms, kernels_)]
    keras_slr.hard_prune(
        model,
        0.5,
        include=["class:Conv2D"],
        score=scores.Magnitude(norm=1, mean=mean),
        structure=keras_slr.Filter(),
        allocation="pooled",
    )
    # The kernels differ in size, so that the share of entries differs.
    sizes = np.repeat([w.size / 8 for w in kernels_], 8)
    # The best filter of each layer comes first: it stays in any case.
    first = [np.where(n == n.max(), np.inf, n) for n in norms]
    order = np.argsort(-np.concatenate(first))
    within = np.cumsum(sizes[order]) <= sizes.sum() / 2
    expected = np.zeros(16, bool)
    expected[order[within]] = True
    alive = np.concatenate(
        [
            np.any(to_numpy(layer.kernel), axis=(0, 1, 2))
            for layer in model.layers[:2]
        ]
    )
    np.testing.assert_array_equal(alive, expected)


@pytest.mark.once("NumPy alone computes")
def test_random_scores_depend_on_the_seed_and_the_weight_alone(linear):
    (first,) = scored(scores.Random(1), linear)
    (again,) = scored(scores.Random(1), linear)
    (other,) = scored(scores.Random(2), linear)
    np.testing.assert_array_equal(first, again)
    assert not np.allclose(first, other)


@pytest.mark.once("NumPy alone computes")
def test_scores_of_outputs_add_up_to_themselves():
    layer = layers.Conv2D(5, 3)
    layer.build((None, 8, 8, 4))
    (weight,) = kernels(keras.Sequential([keras.Input((8, 8, 4)), layer]))
    given = RNG.random(5)
    spread = over_outputs(given, weight)
    assert spread.shape == (3, 3, 4, 5)
    found = np.sqrt(np.sum(np.square(spread, dtype="float64"), axis=(0, 1, 2)))
    np.testing.assert_allclose(found, given, rtol=1e-5)


def test_what_is_zero_scores_zero(linear):
    kernel = linear.layers[0].kernel
    w = to_numpy(kernel).copy()
    w[0] = 0
    kernel.assign(w)
    (found,) = scored(scores.Random(), linear)
    assert not found[0].any() and found[1:].all()


def test_scoring_changes_nothing():
    model = keras.Sequential(
        [
            keras.Input((6,)),
            layers.Dense(8),
            layers.BatchNormalization(),
            layers.Dropout(0.5, seed=0),
            layers.Dense(4),
        ]
    )
    model.compile("adam", "mse", metrics=["mae"])
    model.fit(X, Y, verbose=0)
    before = [to_numpy(v).copy() for v in model.variables]
    state = [to_numpy(v).copy() for v in model.optimizer.variables]
    losses = list(model.losses)
    scored(scores.Taylor(), model)
    for old, variable in zip(before, model.variables, strict=True):
        np.testing.assert_array_equal(old, to_numpy(variable))
    for old, variable in zip(state, model.optimizer.variables, strict=True):
        np.testing.assert_array_equal(old, to_numpy(variable))
    assert model.losses == losses


def test_gradients_follow_all_weights(linear):
    """Compiled passes read biases and statistics anew, too."""
    model = keras.Sequential([keras.Input((6,)), layers.Dense(4)])
    model.compile("sgd", "mse")
    scorer = Scorer(scores.SNIP(), model, (X, Y), 48)
    kernel, bias = model.layers[0].kernel, model.layers[0].bias
    w = to_numpy(kernel)
    for b in (np.zeros(4, "float32"), np.arange(4, dtype="float32")):
        bias.assign(b)
        expected = np.abs(w * (X.T @ (X @ w + b - Y)))
        (found,) = scorer.of(kernels(model))
        np.testing.assert_allclose(found, expected / expected.sum(), rtol=1e-3)


@pytest.mark.parametrize(
    "score", [scores.Taylor("feature_maps"), scores.Fisher(0.3)]
)
@pytest.mark.once("pure Python")
def test_scores_are_saved(score):
    config = keras.saving.serialize_keras_object(score)
    assert keras.saving.deserialize_keras_object(config) == score
