"""Equal units become one without a change; others as the mathematics says."""

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
from keras import layers

import keras_slr
from tests.fuzz.graphs import image_graph
from tests.helpers import to_numpy
from tests.merging.helpers import kernels
from tests.shrinking.helpers import outputs
from tests.shrinking.helpers import randomize
from tests.shrinking.helpers import widths

METHODS = ("kmeans", "agglomerative")
# Other backends trace or compile every graph anew.
EXAMPLES = 12 if keras.config.backend() == "torch" else 3


@pytest.fixture(autouse=True)
def quick(quick_compilation):
    """Many small graphs are compiled here, and each of them run once."""


def relu(x):
    return np.maximum(x, 0)


def convolve(x, w):
    """Convolves images with 3x3 filters, without padding, by loops."""
    n, rows, columns, _ = x.shape
    y = np.zeros((n, rows - 2, columns - 2, w.shape[-1]))
    for i in range(rows - 2):
        for j in range(columns - 2):
            y[:, i, j] = np.einsum(
                "nijc,ijcd->nd", x[:, i : i + 3, j : j + 3], w
            )
    return y


def normalise(x, gamma, beta, mean, variance):
    return gamma * (x - mean) / np.sqrt(variance + 1e-3) + beta


def as_64(model):
    return [np.array(w, "float64") for w in model.get_weights()]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    "activation,factors",
    [
        ("relu", [0.5, 2.0, 3.0]),
        ("linear", [0.5, 2.0, 3.0]),
        ("leaky_relu", [0.5, 2.0, 3.0]),
        ("tanh", [1.0, 1.0, 1.0]),
        ("sigmoid", [1.0, 1.0, 1.0]),
    ],
)
def test_neurons_with_a_common_factor(method, activation, factors):
    model = keras.Sequential(
        [
            keras.Input((5,)),
            layers.Dense(6, activation),
            layers.Dense(2),
        ]
    )
    randomize(model)
    w, b, v, a = as_64(model)
    w[:, 3:], b[3:] = w[:, :3] * factors, b[:3] * factors
    model.set_weights([w, b, v, a])
    x = np.random.default_rng(1).normal(size=(20, 5)).astype("float32")
    function = {
        "relu": relu,
        "linear": lambda x: x,
        "leaky_relu": lambda x: np.where(x > 0, x, 0.2 * x),
        "tanh": np.tanh,
        "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    }[activation]
    right = function(x @ w + b) @ v + a
    report = keras_slr.merge_units(model, 0.5, method, include=kernels)
    np.testing.assert_allclose(model.predict(x, verbose=0), right, atol=1e-5)
    assert [row.zeros for row in report.pruned] == [15, 3]
    small = keras_slr.shrink(model)
    assert widths(small) == {"dense": (5, 3), "dense_1": (3, 2)}
    np.testing.assert_allclose(small.predict(x, verbose=0), right, atol=1e-5)


def test_a_factor_does_not_pass_other_activations():
    model = keras.Sequential(
        [keras.Input((1,)), layers.Dense(3, "tanh"), layers.Dense(1)]
    )
    model.set_weights(
        [
            np.array([[1.0, 1.1, 3.0]]),
            np.zeros(3),
            np.array([[1.0], [1.0], [5.0]]),
            np.zeros(1),
        ]
    )
    keras_slr.merge_units(model, 1 / 3, include=kernels)
    # The first two are nearest, and have the same weight.
    np.testing.assert_allclose(
        np.sort(to_numpy(model.layers[-1].kernel).ravel()), [0, 2, 5]
    )


def test_what_stays_takes_the_outgoing_weights_with_the_best_factor():
    model = keras.Sequential(
        [keras.Input((2,)), layers.Dense(3, "relu"), layers.Dense(1)]
    )
    angle = 0.3
    filters = np.array(
        [[1.0, 0.0], [2 * np.cos(angle), 2 * np.sin(angle)], [0.0, -9.0]]
    )
    model.set_weights(
        [filters.T, np.zeros(3), np.array([[1.0], [0.1], [1.0]]), np.zeros(1)]
    )
    keras_slr.merge_units(model, 1 / 3, include=kernels)
    x = np.random.default_rng(0).normal(size=(500_000, 2))
    y = relu(x @ filters.T)
    # Unit 1 counts less, and goes.
    best = (y[:, 1] @ y[:, 0]) / (y[:, 0] @ y[:, 0])
    np.testing.assert_allclose(
        to_numpy(model.layers[-1].kernel).ravel(),
        [1 + 0.1 * best, 0, 1],
        atol=2e-3,
    )


@pytest.mark.parametrize("method", METHODS)
def test_filters_with_batch_normalizations_and_a_flatten(method):
    model = keras.Sequential(
        [
            keras.Input((7, 7, 2)),
            layers.Conv2D(6, 3, use_bias=False),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.Conv2D(4, 3),
            layers.ReLU(),
            layers.BatchNormalization(),
            layers.Flatten(),
            layers.Dense(3),
        ]
    )
    randomize(model)
    w, gamma, beta, mean, var, v, b, gamma2, beta2, mean2, var2, u, a = as_64(
        model
    )
    factors = np.array([0.5, 2.0, 3.0])
    # The same function in another way: another gamma, another filter.
    w[..., 3:] = 4 * w[..., :3]
    mean[3:], var[3:] = 4 * mean[:3], 16 * (var[:3] + 1e-3) - 1e-3
    gamma[3:], beta[3:] = factors * gamma[:3], factors * beta[:3]
    # Beyond the normalization another factor, and another scale.
    v[..., 2:], b[2:] = v[..., :2] * factors[:2], b[:2] * factors[:2]
    mean2[2:], beta2[2:] = mean2[:2] * factors[:2], beta2[:2]
    gamma2[2:] = gamma2[:2] / factors[:2]
    var2[2:] = var2[:2]
    values = [w, gamma, beta, mean, var, v, b, gamma2, beta2, mean2, var2, u, a]
    model.set_weights(values)
    x = np.random.default_rng(1).normal(size=(4, 7, 7, 2)).astype("float32")
    y = relu(normalise(convolve(x, w), gamma, beta, mean, var))
    y = normalise(relu(convolve(y, v) + b), gamma2, beta2, mean2, var2)
    right = y.reshape(4, -1) @ u + a
    np.testing.assert_allclose(model.predict(x, verbose=0), right, atol=1e-4)
    keras_slr.merge_units(model, 0.5, method, include=kernels)
    np.testing.assert_allclose(model.predict(x, verbose=0), right, atol=1e-4)
    small = keras_slr.shrink(model)
    assert widths(small) == {
        "conv2d": (3, 3, 2, 3),
        "conv2d_1": (3, 3, 3, 2),
        "dense": (18, 3),
    }
    np.testing.assert_allclose(small.predict(x, verbose=0), right, atol=1e-4)


def test_a_moving_mean_tells_filters_apart():
    model = keras.Sequential(
        [
            keras.Input((3,)),
            layers.Dense(4, use_bias=False),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.Dense(2),
        ]
    )
    randomize(model)
    w, gamma, beta, mean, var, v, a = as_64(model)
    w[:, 1], w[:, 3] = w[:, 0], w[:, 2]
    gamma[:], beta[:], var[:] = 1.0, 0.2, 1.0
    mean[:] = [0.0, 5.0, 1.0, 1.0]
    model.set_weights([w, gamma, beta, mean, var, v, a])
    x = np.random.default_rng(1).normal(size=(20, 3)).astype("float32")
    right = relu(normalise(x @ w, gamma, beta, mean, var)) @ v + a
    keras_slr.merge_units(model, 0.25, include=kernels)
    np.testing.assert_allclose(model.predict(x, verbose=0), right, atol=1e-5)


@pytest.mark.parametrize("method", METHODS)
def test_residual_filters_that_several_layers_write_and_read(method):
    inputs = keras.Input((6,))
    stream = layers.Dense(4, name="stem")(inputs)
    y = layers.Dense(4, "relu", name="inner")(layers.ReLU()(stream))
    y = layers.Dense(4, name="outer")(y)
    stream = layers.Add()([stream, y])
    norm = layers.BatchNormalization(name="norm")(stream)
    first = layers.Dense(2, name="first")(layers.ReLU()(norm))
    second = layers.Dense(2, name="second")(layers.ReLU()(stream))
    model = randomize(keras.Model(inputs, [first, second]))
    weights = {layer.name: layer.get_weights() for layer in model.layers}
    w, b = weights["stem"]
    v, d = weights["outer"]
    factors = np.array([2.0, 0.5])
    for kernel, bias in ((w, b), (v, d)):
        kernel[:, 2:], bias[2:] = kernel[:, :2] * factors, bias[:2] * factors
    gamma, beta, mean, var = weights["norm"]
    # The normalization turns one factor into another.
    mean[2:], var[2:] = mean[:2] * factors, var[:2]
    gamma[2:], beta[2:] = gamma[:2] * 3 / factors, beta[:2] * 3
    for name, values in weights.items():
        model.get_layer(name).set_weights(values)
    x = np.random.default_rng(1).normal(size=(9, 6)).astype("float32")
    stream = x @ w + b
    inner = relu(relu(stream) @ weights["inner"][0] + weights["inner"][1])
    stream = stream + inner @ v + d
    norm = normalise(stream, gamma, beta, mean, var)
    right = [
        relu(norm) @ weights["first"][0] + weights["first"][1],
        relu(stream) @ weights["second"][0] + weights["second"][1],
    ]
    keras_slr.merge_units(model, {"stem": 0.5}, method, include=["stem/kernel"])
    small = keras_slr.shrink(model)
    assert widths(small)["outer"] == (4, 2)
    for each in (model, small):
        for a, b in zip(each.predict(x, verbose=0), right):
            np.testing.assert_allclose(a, b, atol=1e-5)


def double(model):
    """Makes half of the units of each group equal to the other half."""
    for group in keras_slr.dependency_groups(model):
        counts = [
            np.bincount(m.units[m.units >= 0], minlength=group.size)
            for m in group.members
        ]
        _, kinds = np.unique(np.array(counts).T, axis=0, return_inverse=True)
        for kind in np.unique(kinds):
            units = np.flatnonzero(kinds.ravel() == kind)
            for member in group.members if group.reason is None else ():
                path = member.variable.path
                if member.role == "input" and "depthwise" not in path:
                    continue
                w = to_numpy(member.variable).copy()
                along = np.moveaxis(w, member.axis, 0)
                for a, b in zip(units[: len(units) // 2], units[::-1]):
                    along[member.units == b] = along[member.units == a]
                member.variable.assign(w)


@settings(max_examples=EXAMPLES, deadline=None, derandomize=True)
@given(st.data())
def test_random_graphs_with_equal_units(data):
    keras.backend.clear_session()
    x, y = image_graph(lambda options: data.draw(st.sampled_from(options)))
    y = layers.Dense(6, name="hidden")(y)
    model = randomize(keras.Model(x, layers.Dense(2)(y)))
    # Parts that are split and joined again are not compared.
    if any(type(each).__name__ == "Split" for each in model.operations):
        return
    double(model)
    before = outputs(model)
    method = data.draw(st.sampled_from(METHODS))
    report = keras_slr.merge_units(model, 0.4, method, include=kernels)
    assert sum(row.zeros for row in report.pruned)
    for each in (model, keras_slr.shrink(model)):
        for a, b in zip(before, outputs(each)):
            np.testing.assert_allclose(
                a, b, rtol=1e-4, atol=1e-4 * max(np.abs(a).max(), 1e-3)
            )


def test_layers_are_merged_in_order():
    """Neurons that are equal once their inputs are."""
    model = keras.Sequential(
        [
            keras.Input((3,)),
            layers.Dense(2, "relu"),
            layers.Dense(4, "relu"),
            layers.Dense(2),
        ]
    )
    randomize(model)
    w, b, v, d, u, a = as_64(model)
    w[:, 1], b[1] = w[:, 0], b[0]
    # Of two equal inputs, one reads the first and the other the second.
    v[:, 0], v[:, 1] = [2.0, 0.0], [0.0, 2.0]
    v[:, 2], v[:, 3] = [-1.0, 0.0], [0.0, -1.0]
    d[:] = [0.3, 0.3, 2.0, 2.0]
    model.set_weights([w, b, v, d, u, a])
    x = np.random.default_rng(1).normal(size=(20, 3)).astype("float32")
    right = relu(relu(x @ w + b) @ v + d) @ u + a
    keras_slr.merge_units(model, 0.5, include=kernels)
    np.testing.assert_allclose(model.predict(x, verbose=0), right, atol=1e-5)


def test_counts_are_those_of_hard_prune(make_model):
    merged, pruned = make_model(), make_model()
    args = {"structure": keras_slr.Filter(round_to=4), "include": kernels}
    a = keras_slr.merge_units(merged, 0.3, **args)
    b = keras_slr.hard_prune(pruned, 0.3, **args)
    assert [r.rate for r in a.pruned] == [r.rate for r in b.pruned]
    assert widths(keras_slr.shrink(merged)) == widths(keras_slr.shrink(pruned))


def test_the_default_is_half_of_the_units(make_model):
    report = keras_slr.merge_units(make_model(), include=kernels)
    assert {row.rate for row in report.pruned} == {0.5}


def test_a_budget(make_model):
    model = make_model()
    keras_slr.merge_units(
        model, include=kernels, budget=keras_slr.Budget(params=0.6)
    )
    small = keras_slr.shrink(model)
    assert small.count_params() <= 0.6 * model.count_params()
