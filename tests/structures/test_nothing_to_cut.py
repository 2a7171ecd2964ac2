"""Errors and reports if a structure cannot prune anything."""

import keras
import numpy as np
import pytest
from keras import layers

import keras_slr
from tests.helpers import needs_keras

pytestmark = pytest.mark.once("looks at graphs and shapes")


def shuffle_net():
    """Two units of ShuffleNet v1: all channels end up tied to each other."""

    def shuffled(x):
        *places, count = x.shape[1:]
        x = layers.Reshape((*places, 2, count // 2))(x)
        x = layers.Permute((1, 2, 4, 3))(x)
        return layers.Reshape((*places, count))(x)

    inputs = keras.Input((8, 8, 3))
    x = layers.Conv2D(16, 3, padding="same", name="stem")(inputs)
    for i in range(2):
        y = layers.Conv2D(16, 1, groups=2, name=f"reduce_{i}")(x)
        y = shuffled(layers.ReLU()(layers.BatchNormalization()(y)))
        y = layers.DepthwiseConv2D(3, padding="same")(y)
        y = layers.Conv2D(16, 1, groups=2, name=f"expand_{i}")(y)
        x = layers.ReLU()(layers.Add()([x, y]))
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, layers.Dense(5, name="head")(x))


@keras.saving.register_keras_serializable(package="tests")
class OwnBlock(layers.Layer):
    """A layer with attention that `shrink` knows nothing about."""

    def build(self, shape):
        self.attention = layers.MultiHeadAttention(4, 4, name="attention")
        self.attention.build(shape, shape)
        self.up = layers.Dense(24, activation="relu", name="up")
        self.up.build(shape)
        self.down = layers.Dense(shape[-1], name="down")
        self.down.build((*shape[:-1], 24))

    def call(self, x):
        x = x + self.attention(x, x)
        return x + self.down(self.up(x))


def own_block():
    inputs = keras.Input((5, 16))
    x = OwnBlock(name="block")(inputs)
    return keras.Model(inputs, layers.Dense(3, name="head")(x))


def attention(heads, **arguments):
    inputs = keras.Input((5, 16))
    layer = layers.MultiHeadAttention(heads, 16, name="attention", **arguments)
    return keras.Model(inputs, layers.Dense(3)(layer(inputs, inputs)))


def gated_attention():
    needs_keras("3.14", "gates to attention")
    return attention(4, use_gate=True)


def dense(units=40, inputs=16):
    return keras.Sequential(
        [
            keras.Input((inputs,)),
            layers.Dense(units, name="a"),
            layers.Dense(40, name="b"),
        ]
    )


def assert_refused(model, text, rate=0.5, **plan):
    before = model.get_weights()
    with pytest.raises(ValueError, match=text):
        keras_slr.hard_prune(model, rate, **plan)
    for a, b in zip(before, model.get_weights()):
        np.testing.assert_array_equal(a, b)


FILTER = {"structure": keras_slr.Filter(), "include": "re:.*kernel"}
HEADS = {"structure": keras_slr.Heads()}
REFUSED = {
    "all tied": (
        shuffle_net,
        "`stem/kernel`: all its filters are tied into one unit",
        FILTER,
    ),
    "heads in a layer of one's own": (
        own_block,
        "is inside `block` .OwnBlock., out of which nothing can be cut",
        HEADS,
    ),
    "filters of a layer of one's own": (
        own_block,
        "kernel`: is inside `block` .OwnBlock., out of which nothing",
        FILTER,
    ),
    "a single head": (lambda: attention(1), "has a single head", HEADS),
    "gated heads": (
        gated_attention,
        "the heads of `attention` are not independent",
        HEADS,
    ),
    "no heads": (dense, "not in an attention layer", HEADS),
    "no filters at this rate": (
        dense,
        "sets none.*a/kernel`: the rate removes none of its 40 units",
        FILTER | {"rate": 0.01},
    ),
    "no channels at this rate": (
        dense,
        "none of its 16 units",
        {"structure": keras_slr.Channel(), "rate": 0.01},
    ),
    "a single channel": (
        lambda: keras.Sequential([keras.Input((1,)), layers.Dense(300)]),
        "it has a single unit, which has to stay",
        {"structure": keras_slr.Channel()},
    ),
    "no columns at this rate": (
        dense,
        "none of its 16 units",
        {"structure": keras_slr.Column(), "rate": 0.01},
    ),
    "no blocks at this rate": (
        dense,
        "none of its 160 units",
        {"structure": keras_slr.Block((4, 1)), "rate": 0.001},
    ),
    "no entries at this rate": (
        dense,
        "none of its 1600 units",
        {"rate": 0.0001},
    ),
    "no such blocks": (
        dense,
        "16 inputs are not a multiple of 7",
        {"structure": keras_slr.Block((7, 1))},
    ),
    "no such groups": (
        dense,
        "16 inputs are not a multiple of 7",
        {"structure": keras_slr.NM(2, 7), "rate": None},
    ),
    "no windows": (
        dense,
        "its window has a single position",
        {"structure": keras_slr.Kernel()},
    ),
    "no such windows": (
        dense,
        "its window is not 3x3",
        {"structure": keras_slr.Pattern(), "rate": None},
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_plan_that_prunes_nothing_is_refused(name):
    make, text, plan = REFUSED[name]
    assert_refused(make(), text, **plan)


def test_fit_is_refused_before_the_first_step():
    model = shuffle_net()
    model.compile("adam", "mse")
    before = model.get_weights()
    callback = keras_slr.SLRCallback(0.5, **FILTER)
    x, y = np.zeros((8, 8, 8, 3)), np.zeros((8, 5))
    with pytest.raises(ValueError, match="tied into one unit"):
        model.fit(x, y, verbose=0, callbacks=[callback])
    for a, b in zip(before, model.get_weights()):
        np.testing.assert_array_equal(a, b)


def test_a_rate_of_zero_is_accepted():
    report = keras_slr.hard_prune(dense(), 0.0)
    assert report.total_sparsity == 80 / 2320  # The biases.


def test_the_report_says_why_a_weight_loses_nothing():
    report = keras_slr.hard_prune(
        dense(units=20), {"a": 0.5, "b": 0.001}, structure=keras_slr.Channel()
    )
    a, b = (row for row in report.rows if row.path.endswith("kernel"))
    assert a.reason is None and a.zeros == a.size / 2
    assert b.reason.value == "the rate removes none of its 20 units"


def rows(model):
    return {row.group.name: row for row in keras_slr.shrink_report(model).rows}


def zeroed(variable, *where):
    value = keras.ops.convert_to_numpy(variable).copy()
    value[where] = 0
    variable.assign(value)


def test_the_report_names_dead_units_in_layers_that_stay_whole():
    model = own_block()
    block = model.get_layer("block")
    every = slice(None)
    for part in ("query", "key", "value"):
        kernel = getattr(block.attention, f"{part}_dense").kernel
        zeroed(kernel, every, slice(0, 2))
    zeroed(block.up.kernel, every, slice(0, 5))
    found = rows(model)
    assert found["attention"].kept == found["attention"].group.size == 4
    inside = "inside `block` (OwnBlock), out of which nothing can be cut"
    assert found["attention"].reason == f"2 are zero {inside}"
    assert found["up"].reason == f"5 are zero {inside}"
    assert "down" not in found
    assert "out of which nothing" in str(keras_slr.shrink_report(model))


def residual():
    inputs = keras.Input((6, 6, 3))
    x = layers.Conv2D(8, 3, padding="same", name="a")(inputs)
    y = layers.Conv2D(8, 3, padding="same", name="b")(x)
    x = layers.GlobalAveragePooling2D()(layers.Add()([x, y]))
    return keras.Model(inputs, layers.Dense(3, name="head")(x))


def test_the_report_says_which_weights_keep_a_dead_filter():
    model = residual()
    zeroed(model.get_layer("a").kernel, ..., slice(0, 3))
    zeroed(model.get_layer("b").kernel, ..., slice(1, 3))
    row = keras_slr.shrink_report(model).rows[0]
    assert row.kept == 6
    assert (
        row.reason == "1 of a filters are zero, but the weights tied to "
        "them are not all zero"
    )


def test_the_report_says_why_the_last_unit_stays():
    model = dense()
    zeroed(model.get_layer("a").kernel, ...)
    (row, _) = keras_slr.shrink_report(model).rows
    assert (row.kept, row.reason) == (1, "1 stays so that no layer is empty")
    (row, _) = keras_slr.shrink_report(model, round_to=8).rows
    assert row.kept == 8
    assert row.reason == (
        "1 stays so that no layer is empty; 7 stay for round_to=8"
    )
