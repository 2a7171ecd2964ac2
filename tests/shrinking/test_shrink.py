"""Every construct once: which widths stay, with the same outputs."""

import keras
import numpy as np
import pytest
from keras import layers
from keras import ops

from keras_slr import shrink
from tests.shrinking.helpers import randomize
from tests.shrinking.helpers import shrunk
from tests.shrinking.helpers import widths


def image(channels=3, size=6):
    return keras.Input((size, size, channels))


def conv(filters, name, kernel=3, **kwargs):
    kwargs = {"padding": "same"} | kwargs
    return layers.Conv2D(filters, kernel, name=name, **kwargs)


def head(x, name="head"):
    return layers.Dense(2, name=name)(layers.GlobalAveragePooling2D()(x))


def residual():
    x = image()
    y = stem = conv(8, "a")(x)
    for name in "bc":
        z = layers.BatchNormalization()(y)
        z = layers.ReLU()(z)
        z = conv(6, f"{name}1")(z)
        z = layers.ReLU()(z)
        y = layers.Add()([y, conv(8, f"{name}2")(z)])
    y = y + stem
    return keras.Model(x, head(y))


def concat():
    x = image()
    a, b = conv(4, "a")(x), conv(6, "b")(x)
    y = layers.Concatenate()([a, x, b])
    y = layers.BatchNormalization()(y)
    return keras.Model(x, head(conv(5, "c")(layers.ReLU()(y))))


def squeeze_excite():
    x = image()
    y = layers.ReLU()(conv(8, "a")(x))
    gate = layers.GlobalAveragePooling2D()(y)
    gate = layers.Reshape((1, 1, 8))(gate)
    gate = conv(4, "squeeze", 1, activation="relu")(gate)
    gate = conv(8, "excite", 1, activation="sigmoid")(gate)
    return keras.Model(x, head(layers.Multiply()([y, gate])))


def depthwise():
    x = image()
    y = conv(6, "a", activation="relu")(x)
    y = layers.DepthwiseConv2D(
        3, padding="same", depth_multiplier=2, name="depthwise"
    )(y)
    y = layers.BatchNormalization()(y)
    return keras.Model(x, head(conv(4, "b", 1)(layers.ReLU()(y))))


def separable():
    x = image()
    y = conv(6, "a", activation="relu")(x)
    y = layers.SeparableConv2D(8, 3, depth_multiplier=2, name="separable")(y)
    return keras.Model(x, head(layers.ReLU()(y)))


def grouped():
    x = image()
    y = conv(12, "a", activation="relu")(x)
    y = conv(8, "grouped", groups=4, activation="relu")(y)
    return keras.Model(x, head(conv(4, "b")(y)))


def flatten():
    x = image(size=4)
    y = layers.Flatten()(conv(5, "a", activation="relu")(x))
    y = layers.Dense(7, "relu", name="b")(y)
    return keras.Model(x, layers.Dense(2, name="head")(y))


def nested():
    inner_input = keras.Input((4, 4, 6))
    inner = keras.Model(
        inner_input, conv(5, "inner_conv")(layers.ReLU()(inner_input))
    )
    tail = keras.Sequential([layers.ReLU(), conv(4, "tail_conv")])
    x = image(size=4)
    y = tail(inner(conv(6, "a")(x)))
    return keras.Model(x, head(y))


def shared():
    x = image()
    layer = conv(6, "shared", activation="relu")
    y = layer(layer(conv(6, "a")(x)))
    return keras.Model(x, head(y))


def shared_by_inputs():
    a, b = image(), image()
    layer = conv(6, "shared", activation="relu")
    y = layers.Subtract()([layer(a), layer(b)])
    return keras.Model([a, b], [head(y), head(layer(a), "other")])


def attention():
    x = keras.Input((5, 8))
    y = layers.Dense(6, name="a")(x)
    y = layers.MultiHeadAttention(4, 3, name="attention")(y, y)
    return keras.Model(x, layers.Dense(2, name="head")(y))


def group_norm():
    x = image()
    y = layers.GroupNormalization(4)(conv(8, "a")(x))
    return keras.Model(x, head(layers.ReLU()(y)))


def transposed():
    x = image(size=3)
    y = conv(6, "a", activation="relu")(x)
    y = layers.Conv2DTranspose(5, 3, strides=2, name="up")(y)
    y = layers.UpSampling2D()(layers.ReLU()(y))
    return keras.Model(x, conv(2, "head")(y))


def sequence():
    x = keras.Input((12, 3))
    y = layers.Conv1D(6, 3, padding="causal", name="a")(x)
    y = layers.PReLU(shared_axes=[1], name="prelu")(y)
    y = layers.MaxPooling1D(2)(layers.ZeroPadding1D(1)(y))
    y = layers.SeparableConv1D(5, 3, name="separable")(y)
    y = layers.PReLU()(layers.Cropping1D(1)(y))
    y = layers.Conv1DTranspose(4, 2, name="up")(y)
    return keras.Model(x, layers.Dense(2, name="head")(layers.Flatten()(y)))


def volume():
    x = keras.Input((4, 4, 4, 2))
    y = layers.Conv3D(6, 2, name="a", activation="relu")(x)
    y = layers.Conv3DTranspose(4, 2, name="up")(y)
    y = layers.GlobalMaxPooling3D(keepdims=True)(y)
    return keras.Model(x, layers.Dense(2, name="head")(y))


def text():
    x = keras.Input((7,), dtype="int32")
    y = layers.Embedding(5, 8, name="embedding")(x)
    y = layers.EinsumDense("...x,xy->...y", 6, name="a", bias_axes="y")(y)
    y = layers.EinsumDense("btx,yx->byt", (4, 7), name="b", activation="relu")(
        y
    )
    y = layers.Permute((2, 1))(y)
    return keras.Model(x, layers.Dense(2, name="head")(y))


def operations():
    x = image(size=4)
    y = conv(8, "a")(x)
    y = ops.relu(y) * 0.5 - 1.0
    y = ops.maximum(1.0 + y, ops.negative(y) / 3.0)
    a, b = ops.split(y, [3], axis=-1)
    y = ops.concatenate([b, ops.tanh(a)], axis=-1)
    y = ops.transpose(y, (0, 3, 1, 2))
    y = ops.mean(y, axis=(2, 3))
    y = ops.reshape(y, (-1, 1, 8))
    return keras.Model(x, layers.Dense(2, name="head")(y))


def shuffle():
    x = image(size=4)
    y = conv(8, "a", activation="relu")(x)
    y = layers.Reshape((4, 4, 2, 4))(y)
    y = layers.Permute((1, 2, 4, 3))(y)
    y = layers.Reshape((4, 4, 8))(y)
    return keras.Model(x, head(conv(4, "b")(y)))


def wider_shortcut():
    x = image(size=4)
    y = conv(4, "a", activation="relu")(x)
    z = ops.pad(y, ((0, 0), (0, 0), (0, 0), (1, 3)))
    return keras.Model(x, head(z + conv(8, "b")(y)))


CASES = [
    (
        residual,
        {"a": [1, 5, 6], "b1": [0]},
        {"a": (3, 3, 3, 5), "b1": (3, 3, 5, 5), "c2": (3, 3, 6, 5)},
    ),
    (
        concat,
        {"a": [0, 3], "b": [2]},
        {"a": (3, 3, 3, 2), "b": (3, 3, 3, 5), "c": (3, 3, 10, 5)},
    ),
    (
        squeeze_excite,
        {"a": [2, 7], "squeeze": [1]},
        {"squeeze": (1, 1, 6, 3), "excite": (1, 1, 3, 6), "head": (6, 2)},
    ),
    (
        depthwise,
        {"a": [0, 4]},
        {"a": (3, 3, 3, 4), "depthwise": (3, 3, 4, 2), "b": (1, 1, 8, 4)},
    ),
    (separable, {"a": [3], "separable": [0, 1]}, {"head": (6, 2)}),
    (
        grouped,
        {"a": [1, 2]},
        {"a": (3, 3, 3, 6), "grouped": (3, 3, 3, 4), "b": (3, 3, 4, 4)},
    ),
    (flatten, {"a": [1, 4], "b": [0]}, {"b": (48, 6), "head": (6, 2)}),
    (
        nested,
        {"a": [0, 1], "inner_conv": [2], "tail_conv": [3]},
        {"inner_conv": (3, 3, 4, 4), "tail_conv": (3, 3, 4, 3)},
    ),
    (shared, {"a": [5]}, {"a": (3, 3, 3, 5), "shared": (3, 3, 5, 5)}),
    (
        shared_by_inputs,
        {"shared": [0, 3]},
        {"shared": (3, 3, 3, 4), "head": (4, 2), "other": (4, 2)},
    ),
    (
        attention,
        {"value": [2], "a": [0, 1]},
        {"query": (4, 3, 3), "value": (4, 3, 3), "attention_output": (3, 3, 6)},
    ),
    (group_norm, {"a": [1]}, {"a": (3, 3, 3, 6), "head": (6, 2)}),
    (
        transposed,
        {"a": [0], "up": [1, 2]},
        {"up": (3, 3, 3, 5), "head": (3, 3, 3, 2)},
    ),
    (
        sequence,
        {"a": [0, 1], "separable": [4], "up": [0]},
        {"a": (3, 3, 4), "up": (2, 3, 4)},
    ),
    (volume, {"a": [2], "up": [0]}, {"up": (2, 2, 2, 3, 5), "head": (3, 2)}),
    (
        text,
        {"embedding": [7], "a": [0, 5], "b": [1]},
        {"a": (7, 4), "b": (3, 4), "head": (3, 2)},
    ),
    (operations, {"a": [0, 5]}, {"a": (3, 3, 3, 6), "head": (6, 2)}),
    (shuffle, {"a": [1]}, {"a": (3, 3, 3, 6), "b": (3, 3, 6, 4)}),
    (
        wider_shortcut,
        {"b": [0, 2, 7]},
        {"a": (3, 3, 3, 2), "b": (3, 3, 2, 5), "head": (5, 2)},
    ),
]


@pytest.mark.parametrize(
    ("build", "zeros", "expected"), CASES, ids=[c[0].__name__ for c in CASES]
)
def test_zero_units_are_cut(build, zeros, expected):
    model = build()
    small = shrunk(model, zeros)
    kept = widths(small)
    assert {name: kept[name] for name in expected} == expected


@pytest.mark.parametrize(
    "build", [c[0] for c in CASES], ids=[c[0].__name__ for c in CASES]
)
def test_nothing_is_cut_out_of_a_dense_model(build):
    model = randomize(build())
    small = shrink(model)
    assert [v.path for v in small.weights] == [v.path for v in model.weights]
    for old, new in zip(model.get_weights(), small.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
