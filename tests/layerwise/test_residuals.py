"""Kernels in front of an addition make up for what its other terms lost."""

import keras
import numpy as np
import pytest
from keras import layers

import keras_slr
from keras_slr.layerwise.program import program_of
from keras_slr.layerwise.residuals import Residual
from keras_slr.layerwise.residuals import residuals_of
from tests.helpers import to_numpy
from tests.layerwise.test_prune_layerwise import copy_of

SHAPE = 8, 8, 6


def attention(x):
    return layers.MultiHeadAttention(2, 3, name="last")(x, x)


# Layers whose outputs have the shape of their inputs.
LAST = {
    "dense": layers.Dense(6, name="last"),
    "einsum": layers.EinsumDense(
        "bhwc,hcd->bwhd", SHAPE, bias_axes="d", name="last"
    ),
    "convolution": layers.Conv2D(6, 3, padding="same", name="last"),
    "groups": layers.Conv2D(6, 3, padding="same", groups=3, name="last"),
    "depthwise": layers.DepthwiseConv2D(3, padding="same", name="last"),
    "separable": layers.SeparableConv2D(6, 3, padding="same", name="last"),
    "transposed": layers.Conv2DTranspose(6, 3, padding="same", name="last"),
    "attention": attention,
}


def images(count=40, seed=0):
    rng = np.random.default_rng(seed)
    mix = rng.normal(size=(6, 6)) / 6**0.5
    return (rng.normal(size=(count, *SHAPE)) @ mix).astype("float32")


def residual_network(last, between=()):
    """Returns `x -> first -> relu -> last, added to the first layer`."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input(SHAPE)
    first = layers.Dense(6, name="first")(inputs)
    y = last(layers.ReLU()(first))
    for layer in between:
        y = layer(y)
    return keras.Model(inputs, layers.Add()([first, y]))


def outputs_of(model, name, x):
    inner = keras.Model(model.input, model.get_layer(name).output)
    return inner.predict(x, verbose=0)


@pytest.mark.parametrize("kind", LAST)
def test_the_error_of_the_last_kernel_is_that_of_the_sum(kind):
    layer = LAST[kind]
    if isinstance(layer, layers.Layer):
        layer = type(layer).from_config(layer.get_config())
    x, model = images(), residual_network(layer, [layers.Dropout(0.5)])
    dense = copy_of(model)
    plan = {"include": ["first", "last"], "allocation": "uniform"}
    report = keras_slr.prune_layerwise(model, x, 0.5, **plan, verbose=0)
    at = model.get_layer("last")
    bias = to_numpy(getattr(at, "output_dense", at).bias)
    lost = outputs_of(dense, "first", x) - outputs_of(model, "first", x)
    wanted = outputs_of(dense, "last", x) - bias + lost
    change = dense.predict(x, verbose=0) - model.predict(x, verbose=0)
    np.testing.assert_allclose(
        report.rows[-1].after.calibration,
        np.sum(change**2) / np.sum(wanted**2),
        rtol=1e-3,
    )


def test_the_scale_of_a_normalization_is_undone_with_damping():
    rng = np.random.default_rng(0)
    norm = layers.BatchNormalization(axis=1)
    norm.build((None, 5, 7))
    norm.moving_variance.assign(rng.uniform(0.5, 2.0, 5))
    norm.gamma.assign([1.0, -2.0, 0.5, 1e-4, 0.0])
    change = rng.normal(size=(3, 5, 7))
    scale = to_numpy(norm.gamma) / np.sqrt(
        to_numpy(norm.moving_variance) + norm.epsilon
    )
    found = Residual([], norm).undo(change)
    for channel in range(5):
        # Least squares with a second row, for the damping.
        damping = 0.1 * np.sqrt(np.mean(scale**2))
        system = np.array([[scale[channel]], [damping]])
        wanted = change[:, channel].reshape(1, -1)
        solution, *_ = np.linalg.lstsq(
            system, np.concatenate([wanted, 0.0 * wanted]), rcond=None
        )
        np.testing.assert_allclose(
            found[:, channel].reshape(1, -1), solution, rtol=1e-5, atol=1e-7
        )


def test_the_sum_is_nearer_to_the_dense_one_behind_a_normalization():
    x = images()
    convolution = layers.Conv2D(6, 3, padding="same", name="last")
    model = residual_network(convolution, [layers.BatchNormalization()])
    alone = copy_of(model)
    wanted = model.predict(x, verbose=0)
    plan = {"rate": 0.7, "allocation": "uniform", "verbose": 0}
    keras_slr.prune_layerwise(model, x, include=["first", "last"], **plan)
    # The dense model of the second call is the result of the first, so that
    # its sum has lost nothing.
    keras_slr.prune_layerwise(alone, x, include="first", **plan)
    keras_slr.prune_layerwise(alone, x, include="last", **plan)
    errors = [
        np.mean((each.predict(x, verbose=0) - wanted) ** 2)
        for each in (model, alone)
    ]
    assert errors[0] < 0.8 * errors[1]


def found_in(build):
    """Returns the names of the layers with a residual in a model."""
    model = keras.Model(*build())
    residuals = residuals_of(program_of(model, []))
    return {
        layer.name
        for layer in model.layers
        if id(getattr(layer, "kernel", None)) in residuals
    }


def both_terms():
    x = keras.Input((4,))
    a, b = layers.Dense(4, name="a")(x), layers.Dense(4, name="b")(x)
    return x, layers.Add()([a, layers.BatchNormalization()(b)])


def with_plus():
    x = keras.Input((4,))
    return x, x + layers.Dense(4, name="a")(x)


def activated():
    x = keras.Input((4,))
    return x, x + layers.Dense(4, activation="relu", name="a")(x)


def read_twice():
    x = keras.Input((4,))
    a = layers.Dense(4, name="a")(x)
    return x, [x + a, layers.ReLU()(a)]


def returned():
    x = keras.Input((4,))
    a = layers.Dense(4, name="a")(x)
    return x, [x + a, a]


def shared():
    x = keras.Input((4,))
    a = layers.Dense(4, name="a")
    return x, x + a(a(x))


def broadcast():
    x = keras.Input((3, 4))
    a = layers.Dense(4, name="a")(layers.Cropping1D((0, 2))(x))
    return x, layers.Add()([x, a])


def twice_normalized():
    x = keras.Input((4,))
    a = layers.BatchNormalization()(layers.Dense(4, name="a")(x))
    return x, x + layers.BatchNormalization()(a)


class Add(layers.Layer):
    def call(self, terms):
        return terms[0] - terms[1]


class Squared(layers.BatchNormalization):
    def call(self, inputs, training=None, mask=None):
        return super().call(inputs, training, mask) ** 2


class Negative(layers.Dropout):
    def call(self, inputs, training=False):
        return -super().call(inputs, training)


def own_sum():
    x = keras.Input((4,))
    return x, Add()([x, layers.Dense(4, name="a")(x)])


def own_normalization():
    x = keras.Input((4,))
    return x, x + Squared()(layers.Dense(4, name="a")(x))


def own_dropout():
    x = keras.Input((4,))
    return x, x + Negative(0.5)(layers.Dense(4, name="a")(x))


@pytest.mark.parametrize(
    ("build", "names"),
    [
        (both_terms, {"a", "b"}),
        (with_plus, {"a"}),
        (activated, set()),
        (read_twice, set()),
        (returned, set()),
        (shared, set()),
        (broadcast, set()),
        (twice_normalized, set()),
        (own_sum, set()),
        (own_normalization, set()),
        (own_dropout, set()),
    ],
)
def test_residuals_are_found_where_a_sum_alone_sees_the_outputs(build, names):
    assert found_in(build) == names


@pytest.mark.parametrize("lengths", [(1, 5), (5, 1)])
def test_terms_of_unknown_length_may_be_broadcast(lengths):
    keras.utils.set_random_seed(0)
    x = [keras.Input((None, 6)), keras.Input((None, 6))]
    terms = [layers.Dense(6, name=f"dense_{i}")(x[i]) for i in range(2)]
    model = keras.Model(x, layers.Add()(terms))
    rng = np.random.default_rng(0)
    data = [rng.normal(size=(40, n, 6)).astype("float32") for n in lengths]
    kernels = {layer.path: to_numpy(layer.kernel) for layer in dense_of(model)}
    report = keras_slr.prune_layerwise(
        model, data, 0.5, include=["dense_0", "dense_1"], verbose=0
    )
    for row, layer, inputs in zip(report.rows, dense_of(model), data):
        wanted = inputs @ kernels[layer.path]
        change = inputs @ to_numpy(layer.kernel) - wanted
        expected = np.sum(change**2) / np.sum(wanted**2)
        np.testing.assert_allclose(row.after.calibration, expected, rtol=1e-3)


def dense_of(model):
    return [each for each in model.layers if isinstance(each, layers.Dense)]
