"""Scores that rank filters by what they give out, or by other filters."""

import keras
import numpy as np
import pytest
from keras import layers

import keras_slr
from keras_slr import scores
from keras_slr.scores.scorer import Scorer
from keras_slr.scores.vip import target_columns
from keras_slr.scores.vip import vip
from keras_slr.selection.kernels import kernels_of
from tests.helpers import to_numpy

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 6, 6, 2)).astype("float32")
LABELS = np.arange(40) % 4
ONE_HOT = np.eye(4, dtype="float32")[LABELS]


@pytest.fixture
def model():
    """Two kernels of size one, one in front of a normalization and a ReLU."""
    model = keras.Sequential(
        [
            keras.Input((6, 6, 2)),
            layers.Conv2D(6, 1, use_bias=False),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.Conv2D(5, 1, activation="relu"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(4, activation="relu"),
        ]
    )
    model.compile("sgd", "mse")
    for variable in model.layers[1].weights:
        variable.assign(RNG.uniform(0.5, 1.5, variable.shape))
    return model


def activations(model):
    """Those of the three kernels, by a forward pass in NumPy."""
    first, norm, _, second, _, last = model.layers
    gamma, beta, mean, variance = map(to_numpy, norm.weights)
    a = X @ to_numpy(first.kernel)[0, 0]
    a = gamma * (a - mean) / np.sqrt(variance + norm.epsilon) + beta
    a = np.maximum(a, 0)
    b = a @ to_numpy(second.kernel)[0, 0] + to_numpy(second.bias)
    b = np.maximum(b, 0)
    c = b.mean(axis=(1, 2)) @ to_numpy(last.kernel) + to_numpy(last.bias)
    return a, b, np.maximum(c, 0)


def scores_of_outputs(score, model, y=LABELS):
    """One score for each output, from those of the entries."""
    found = Scorer(score, model, (X, y), 16).of(kernels_of(model))
    return [
        np.sqrt(np.sum(np.square(s, dtype="float64"), tuple(range(s.ndim - 1))))
        for s in found
    ]


@pytest.mark.parametrize(
    "by, measure", [("mean", lambda a: a), ("zeros", lambda a: a > 0)]
)
def test_activation_is_a_mean_behind_the_relu(by, measure, model):
    found = scores_of_outputs(scores.Activation(by), model)
    for got, a in zip(found, activations(model), strict=True):
        mean = measure(a).reshape(-1, a.shape[-1]).mean(axis=0)
        np.testing.assert_allclose(got, mean, rtol=1e-4, atol=1e-6)


def test_mean_activations_do_not_cancel():
    model = keras.Sequential(
        [keras.Input((6,)), layers.Dense(3, activation="tanh")]
    )
    x = X.reshape(40, -1)[:, :6]
    w, b = map(to_numpy, model.weights)
    (weight,) = kernels_of(model)
    (found,) = Scorer(scores.Activation(), model, x).of([weight])
    expected = np.abs(np.tanh(x @ w + b)).mean(axis=0)
    np.testing.assert_allclose(
        np.linalg.norm(found, axis=0), expected, rtol=1e-4
    )


def importance(x, y, components):
    """VIP by NIPALS with singular vectors, from the textbook."""
    x = (x - x.mean(axis=0)) / x.std(axis=0)
    y = (y - y.mean(axis=0)) / y.std(axis=0)
    total, explained = np.zeros(x.shape[1]), 0.0
    for _ in range(components):
        w = np.linalg.svd(x.T @ y)[0][:, 0]
        t = x @ w
        q = y.T @ t / (t @ t)
        x = x - np.outer(t, x.T @ t / (t @ t))
        y = y - np.outer(t, q)
        total += (t @ t) * (q @ q) * w**2
        explained += (t @ t) * (q @ q)
    return np.sqrt(len(total) * total / explained)


@pytest.mark.parametrize("components", [1, 2, 3])
@pytest.mark.parametrize("pool", ["max", "mean"])
def test_vip_over_all_layers_together(components, pool, model):
    pooled = [
        getattr(a, pool)(axis=(1, 2)) if a.ndim == 4 else a
        for a in activations(model)
    ]
    x = np.concatenate(pooled, axis=1).astype("float64")
    alive = x.std(axis=0) > 0
    expected = np.zeros(x.shape[1])
    expected[alive] = importance(x[:, alive], ONE_HOT, components)
    found = scores_of_outputs(scores.VIP(components, pool), model)
    np.testing.assert_allclose(
        np.concatenate(found), expected, rtol=2e-3, atol=1e-6
    )


@pytest.mark.once("NumPy alone computes")
class TestVIP:
    x = RNG.normal(size=(40, 7))

    @pytest.mark.parametrize(
        "y",
        [
            LABELS,
            LABELS[:, None].astype("uint8"),
            LABELS == 1,
            ONE_HOT,
            RNG.normal(size=40),
            RNG.normal(size=(40, 2)),
        ],
    )
    def test_targets(self, y):
        rows = y[:, None] if y.ndim == 1 else y
        if rows.dtype.kind in "iu":
            rows = ONE_HOT
        found = vip(self.x, target_columns([y[:25], y[25:]]), 2)
        expected = importance(self.x, rows.astype("float64"), 2)
        np.testing.assert_allclose(found, expected, rtol=1e-4)
        np.testing.assert_allclose(np.mean(found**2), 1.0)

    def test_several_targets_lie_side_by_side(self):
        rows = RNG.normal(size=(40, 2))
        found = target_columns([{"b": rows, "a": LABELS}])
        np.testing.assert_array_equal(found, np.hstack([ONE_HOT, rows]))

    def test_constant_columns_score_zero(self):
        x = self.x.copy()
        x[:, 2], x[:, 4] = 0.0, 3.0
        found = vip(x, ONE_HOT, 2)
        assert found[2] == found[4] == 0
        others = [0, 1, 3, 5, 6]
        expected = importance(x[:, others], ONE_HOT, 2)
        np.testing.assert_allclose(found[others], expected, rtol=1e-4)

    def test_more_components_than_there_are(self):
        """The columns explain the targets before."""
        x = self.x[:, :1]
        np.testing.assert_allclose(vip(x, 2 * x, 5), [1.0])
        twice = np.hstack([x, x])
        np.testing.assert_allclose(vip(twice, 2 * x, 2), [1.0, 1.0])

    def test_one_sample_says_nothing(self):
        with pytest.raises(ValueError, match="1 samples with equal targets"):
            vip(self.x[:1], ONE_HOT[:1], 2)

    def test_nothing_varies(self):
        with pytest.raises(ValueError, match="Received constant ones"):
            vip(np.ones((40, 3)), ONE_HOT, 2)

    @pytest.mark.parametrize(
        "y, message",
        [
            (None, "Received inputs alone"),
            (np.zeros((4, 3, 3), int), r"shape \(4, 3, 3\)"),
            (np.array(["a", "b"]), "choose another score"),
        ],
    )
    def test_targets_that_say_nothing(self, y, message):
        with pytest.raises(ValueError, match=message):
            target_columns([y])


def conv_net():
    """The third filter of each convolution is never active, nor its twin."""
    model = keras.Sequential(
        [
            keras.Input((6, 6, 2)),
            layers.Conv2D(8, 3, padding="same"),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.Conv2D(8, 3, activation="relu"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(4),
        ]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(1e-3), loss)
    for layer in (model.layers[0], model.layers[3]):
        kernel, bias = layer.weights
        w, b = to_numpy(kernel).copy(), to_numpy(bias).copy()
        w[..., 5] = w[..., 2]
        b[[2, 5]] = -100.0
        kernel.assign(w)
        bias.assign(b)
    return model


@pytest.mark.parametrize(
    "score, leave",
    [
        (scores.Activation(), {2, 5}),
        (scores.Activation("zeros"), {2, 5}),
        (scores.VIP(), {2, 5}),
        (scores.VIP(1, "mean"), {2, 5}),
        (scores.Redundancy(), {5}),
        (scores.Redundancy("median"), set()),
        (scores.Redundancy("centroid", clusters=3), set()),
    ],
    ids=str,
)
def test_gradual_pruning_of_filters(score, leave):
    model = conv_net()
    callback = keras_slr.GradualMagnitudeCallback(
        0.5,
        structure=keras_slr.Filter(),
        include=["class:Conv2D"],
        score=score,
        data=None if score.reads is None else (X, LABELS),
    )
    model.fit(X, LABELS, epochs=3, verbose=0, callbacks=[callback])
    for layer in (model.layers[0], model.layers[3]):
        alive = np.any(to_numpy(layer.kernel), axis=(0, 1, 2))
        assert alive.sum() == 4
        if layer.activation is keras.activations.relu:
            assert not alive[list(leave)].any()


def test_pooled_importance_empties_no_layer():
    model = conv_net()
    keras_slr.hard_prune(
        model,
        0.5,
        structure=keras_slr.Filter(),
        include=["class:Conv2D"],
        allocation="pooled",
        score="vip",
        data=(X, LABELS),
    )
    counts = [
        np.any(to_numpy(layer.kernel), axis=(0, 1, 2)).sum()
        for layer in (model.layers[0], model.layers[3])
    ]
    assert min(counts) >= 1 and 6 <= sum(counts) <= 10


def test_zeros_need_an_activation_that_gives_them():
    model = keras.Sequential(
        [
            keras.Input((6, 6, 2)),
            layers.Conv2D(8, 1, activation="gelu"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(4),
        ]
    )
    with pytest.raises(ValueError, match=r"such as those of a ReLU, behind"):
        scores_of_outputs(scores.Activation("zeros"), model)


@pytest.mark.once("the checks are Python")
@pytest.mark.parametrize("score", ["activation", "vip"])
def test_no_data(score, model):
    with pytest.raises(ValueError, match="reads outputs.*pass some"):
        keras_slr.hard_prune(
            model, 0.5, score=score, structure=keras_slr.Filter()
        )


@pytest.mark.once("the checks are Python")
@pytest.mark.parametrize("score", ["activation", "vip", "redundancy"])
def test_single_entries_have_no_outputs(score, model):
    data = None if score == "redundancy" else (X, LABELS)
    with pytest.raises(ValueError, match="whole outputs, such as `Filter"):
        keras_slr.hard_prune(
            model, 0.5, include=["class:Conv2D"], score=score, data=data
        )


@pytest.mark.once("the checks are Python")
@pytest.mark.parametrize(
    "make",
    [
        lambda: scores.Activation("median"),
        lambda: scores.VIP(0),
        lambda: scores.VIP(pool="sum"),
        lambda: scores.Redundancy("farthest"),
        lambda: scores.Redundancy(clusters=0),
    ],
)
def test_arguments_out_of_range(make):
    with pytest.raises(ValueError, match="Expected"):
        make()


@pytest.mark.once("pure Python")
@pytest.mark.parametrize(
    "score",
    [
        scores.Activation("zeros"),
        scores.VIP(3, "mean"),
        scores.Redundancy("centroid", 4),
    ],
    ids=str,
)
def test_scores_are_saved(score):
    config = keras.saving.serialize_keras_object(score)
    assert keras.saving.deserialize_keras_object(config) == score
