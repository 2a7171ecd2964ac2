"""Units that hold a constant, and where it can move to."""

import keras
import numpy as np
import pytest
from keras import layers

from keras_slr import shrink
from keras_slr import shrink_report
from tests.shrinking.helpers import assert_same
from tests.shrinking.helpers import randomize
from tests.shrinking.helpers import shrunk
from tests.shrinking.helpers import widths


def two_convs(activation="sigmoid", use_bias=True, **kwargs):
    x = keras.Input((6, 6, 3))
    y = layers.Conv2D(6, 3, activation=activation, name="a")(x)
    y = layers.Conv2D(4, 3, use_bias=use_bias, name="b", **kwargs)(y)
    return keras.Model(x, layers.GlobalMaxPooling2D()(y))


@pytest.mark.parametrize("activation", ["sigmoid", "softplus", "exponential"])
def test_constant_moves_to_the_bias(activation):
    model = two_convs(activation)
    small = shrunk(model, {"a": [0, 2]})
    kernel, bias = (np.array(v) for v in model.get_layer("b").weights)
    value = np.array(keras.activations.get(activation)(np.zeros(1, "float32")))
    moved = value * kernel[:, :, [0, 2]].sum(axis=(0, 1, 2))
    np.testing.assert_allclose(
        small.get_layer("b").bias, bias + moved, rtol=1e-5, atol=1e-6
    )
    assert widths(small)["b"] == (3, 3, 4, 4)


def test_constant_makes_a_bias():
    small = shrunk(two_convs(use_bias=False), {"a": [0, 2]})
    assert small.get_layer("b").use_bias
    assert widths(small)["b"] == (3, 3, 4, 4)


def test_no_bias_is_made_for_zeros():
    small = shrunk(two_convs("relu", use_bias=False), {"a": [0, 2]})
    assert not small.get_layer("b").use_bias


@pytest.mark.parametrize("kernel_size", [1, 3])
def test_padding_shows_a_constant(kernel_size):
    x = keras.Input((6, 6, 3))
    y = layers.Conv2D(6, 3, activation="sigmoid", name="a")(x)
    y = layers.Conv2D(4, kernel_size, padding="same", name="b")(y)
    model = keras.Model(x, layers.Flatten()(y))
    small = shrunk(model, {"a": [0, 2]})
    kept = 4 if kernel_size == 1 else 6
    assert small.get_layer("a").filters == kept
    row = shrink_report(model).rows[0]
    assert (row.kept, row.group.reason) == (kept, None)
    if kernel_size == 3:
        assert "`b` cannot take" in row.reason


@pytest.mark.parametrize(
    ("between", "is_cut"),
    [
        (layers.ZeroPadding2D(), False),
        (layers.MaxPooling2D(2, padding="same"), True),
        (layers.AveragePooling2D(2, padding="same"), True),
        (layers.UpSampling2D(interpolation="bilinear"), True),
        (layers.Cropping2D(), True),
        (layers.Dropout(0.5), True),
        (layers.GlobalAveragePooling2D(keepdims=True), True),
        (layers.LeakyReLU(), True),
        (layers.PReLU(), True),
        (layers.Rescaling(2.0, offset=-0.7), True),
        (layers.BatchNormalization(), True),
        (layers.DepthwiseConv2D(2), True),
        (layers.DepthwiseConv2D(2, padding="same"), False),
        (layers.SeparableConv2D(4, 2), True),
        (layers.SeparableConv2D(4, 2, padding="same"), False),
        (layers.Conv2DTranspose(4, 1), True),
        (layers.Conv2DTranspose(4, 2, strides=2), False),
    ],
    ids=lambda v: getattr(v, "name", None),
)
def test_constant_goes_through(between, is_cut):
    """A filter of zeros with a bias, not zero behind its activation."""
    x = keras.Input((6, 6, 3))
    y = layers.Conv2D(6, 3, activation="softplus", name="a")(x)
    y = layers.Conv2D(4, 1, name="b")(between(y))
    model = randomize(keras.Model(x, layers.Flatten()(y)))
    kernel = np.array(model.get_layer("a").kernel)
    kernel[..., [1, 4]] = 0
    model.get_layer("a").kernel.assign(kernel)
    small = shrink(model)
    assert_same(model, small)
    assert small.get_layer("a").filters == (4 if is_cut else 6)


def test_batch_norm_with_zero_scale_is_a_constant():
    x = keras.Input((6,))
    y = layers.Dense(8, name="a")(x)
    y = layers.ReLU()(layers.BatchNormalization(name="norm")(y))
    model = keras.Model(x, layers.Dense(2)(y))
    randomize(model)
    gamma = np.array(model.get_layer("norm").gamma)
    gamma[[0, 3]] = 0
    model.get_layer("norm").gamma.assign(gamma)
    small = shrink(model)
    assert_same(model, small)
    assert small.get_layer("a").units == 6


def test_gate_of_a_dead_unit_goes_with_it():
    """Zero times a gate that is alive is zero."""
    x = keras.Input((6,))
    y = layers.Dense(8, "relu", name="a")(x)
    gate = layers.Dense(8, "sigmoid", name="gate")(x)
    model = keras.Model(x, layers.Dense(2)(layers.Multiply()([y, gate])))
    randomize(model)
    for w in model.get_layer("a").weights:
        value = np.array(w)
        value[..., [2, 5]] = 0
        w.assign(value)
    small = shrink(model)
    assert_same(model, small)
    assert small.get_layer("a").units == small.get_layer("gate").units == 6


def test_constants_add_up_in_a_residual():
    x = keras.Input((6,))
    a = layers.Dense(8, "sigmoid", name="a")(x)
    b = layers.Dense(8, "sigmoid", name="b")(a)
    model = keras.Model(x, layers.Dense(2, name="head")(a + b))
    randomize(model)
    for name, indices in {"a": [1, 2], "b": [2, 3]}.items():
        w = np.array(model.get_layer(name).kernel)
        w[:, indices] = 0
        model.get_layer(name).kernel.assign(w)
    small = shrink(model)
    assert_same(model, small)
    # Only unit 2 is constant in both.
    assert small.get_layer("head").kernel.shape == (7, 2)


def test_shared_layer_takes_a_constant_that_all_calls_see():
    def build():
        x, z = keras.Input((4,)), keras.Input((4,))
        shared = layers.Dense(3, name="shared")
        a = layers.Dense(6, "sigmoid", name="a")
        y = [layers.Dense(2)(shared(t)) for t in (a(x), a(z))]
        return keras.Model([x, z], y)

    small = shrunk(build(), {"a": [0, 5]})
    assert widths(small)["shared"] == (4, 3)


def test_shared_layer_keeps_what_its_calls_see_differently():
    x = keras.Input((4,))
    shared = layers.Dense(3, name="shared")
    a = layers.Dense(6, "sigmoid", name="a")(x)
    y = layers.Concatenate()([shared(a), shared(layers.ReLU()(a - 0.75))])
    model = keras.Model(x, layers.Dense(2)(y))
    small = shrunk(model, {"a": [0, 5]})
    assert widths(small)["shared"] == (6, 3)


def test_attention_takes_constants():
    x = keras.Input((5, 8))
    y = layers.Dense(6, "sigmoid", name="a")(x)
    y = layers.MultiHeadAttention(4, 3, name="attention")(y, y)
    model = keras.Model(x, layers.Dense(2)(y))
    randomize(model)
    attention = model.get_layer("attention")
    # The head still gives its bias to the output.
    kernel = np.array(attention.value_dense.kernel)
    kernel[:, 1] = 0
    attention.value_dense.kernel.assign(kernel)
    kernel = np.array(model.get_layer("a").kernel)
    kernel[:, 0] = 0
    model.get_layer("a").kernel.assign(kernel)
    small = shrink(model)
    assert_same(model, small)
    assert small.get_layer("attention").num_heads == 3
    assert small.get_layer("a").units == 5


class TestUnread:
    """Units that nothing reads go, alive or not."""

    def build(self):
        x = keras.Input((6,))
        y = layers.Dense(8, "relu", name="a")(x)
        y = layers.Dense(7, "relu", name="b")(y)
        model = keras.Model(x, layers.Dense(2, name="head")(y))
        return randomize(model)

    def test_alone(self):
        model = self.build()
        kernel = np.array(model.get_layer("b").kernel)
        kernel[[0, 3]] = 0
        model.get_layer("b").kernel.assign(kernel)
        small = shrink(model)
        assert_same(model, small)
        assert widths(small) == {
            "a": (6, 6),
            "b": (6, 7),
            "head": (7, 2),
        }

    def test_one_behind_the_other(self):
        """Unit 0 of `a` is read by unit 0 of `b` alone, which nothing reads."""
        model = self.build()
        kernel = np.array(model.get_layer("b").kernel)
        kernel[0, 1:] = 0
        model.get_layer("b").kernel.assign(kernel)
        kernel = np.array(model.get_layer("head").kernel)
        kernel[0] = 0
        model.get_layer("head").kernel.assign(kernel)
        small = shrink(model)
        assert_same(model, small)
        assert widths(small) == {
            "a": (6, 7),
            "b": (7, 6),
            "head": (6, 2),
        }


def test_something_stays_where_all_is_zero():
    x = keras.Input((6,))
    y = layers.Dense(8, "sigmoid", name="a")(x)
    y = layers.Concatenate()([x, y])
    model = keras.Model(x, layers.Dense(2, name="head")(y))
    small = shrunk(model, {"a": range(8)})
    assert widths(small) == {"a": (6, 1), "head": (7, 2)}


@pytest.mark.parametrize(("round_to", "width"), [(None, 5), (4, 8), (16, 12)])
def test_round_to(round_to, width):
    x = keras.Input((6,))
    y = layers.Dense(12, "relu", name="a")(x)
    model = keras.Model(x, layers.Dense(2, name="head")(y))
    shrunk(model, {"a": range(7)})
    small = shrink(model, round_to)
    assert_same(model, small)
    assert small.get_layer("a").units == width
    assert shrink_report(model, round_to).rows[0].kept == width
