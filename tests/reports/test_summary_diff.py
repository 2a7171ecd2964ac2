import json

import keras
import numpy as np
import pytest
from keras import layers

from keras_slr import Budget
from keras_slr import Filter
from keras_slr import hard_prune
from keras_slr import macs
from keras_slr import shrink
from keras_slr import summary_diff
from tests.helpers import needs_keras

pytestmark = pytest.mark.once("looks at names and shapes")


def counted(layer, *shapes):
    inputs = [keras.Input(shape) for shape in shapes]
    model = keras.Model(inputs, layer(*inputs))
    return list(macs(model).values())


@pytest.mark.parametrize(
    ("layer", "shape", "expected"),
    [
        (layers.Dense(5), (4,), 4 * 5),
        (layers.Dense(5), (3, 4), 3 * 4 * 5),
        (layers.EinsumDense("abc,cd->abd", (3, 5)), (3, 4), 3 * 4 * 5),
        (layers.EinsumDense("...x,xy->...y", 5), (3, 4), 3 * 4 * 5),
        (layers.EinsumDense("abc,bd->acd", (4, 5)), (3, 4), 3 * 4 * 5),
        (layers.Conv1D(5, 3), (9, 4), 7 * 3 * 4 * 5),
        (layers.Conv2D(5, 3, strides=2), (7, 9, 4), 3 * 4 * 9 * 4 * 5),
        (layers.Conv2D(6, 3, groups=2), (5, 5, 4), 9 * 9 * 2 * 6),
        (layers.Conv3D(2, 2), (3, 3, 3, 4), 8 * 8 * 4 * 2),
        (layers.DepthwiseConv2D(3, depth_multiplier=2), (5, 5, 4), 9 * 9 * 8),
        (
            layers.SeparableConv2D(5, 3, depth_multiplier=2),
            (5, 5, 4),
            9 * (9 * 8 + 8 * 5),
        ),
        (layers.Conv2DTranspose(5, 3, strides=2), (4, 4, 2), 16 * 9 * 2 * 5),
    ],
)
def test_macs_of_a_layer(layer, shape, expected):
    assert counted(layer, shape) == [expected]


def test_macs_of_attention():
    """Two heads of size 3, values of size 5, 4 queries, 6 keys, width 8."""
    layer = layers.MultiHeadAttention(2, 3, value_dim=5)
    projections = 4 * 8 * 6 + 6 * 8 * 6 + 6 * 8 * 10 + 4 * 10 * 8
    assert counted(layer, (4, 8), (6, 8)) == [projections + 4 * 6 * 2 * 8]


def test_macs_of_attention_along_one_axis():
    """In each of 3 rows, 4 places meet each other: 2 heads of size 5."""
    layer = layers.MultiHeadAttention(2, 5, attention_axes=(2,))
    projections = 4 * (12 * 8 * 10)
    expected = projections + 2 * (3 * 4 * 4 * 10)
    assert counted(layer, (3, 4, 8), (3, 4, 8)) == [expected]


def test_macs_of_gated_attention():
    needs_keras("3.14", "gates to attention")
    layer = layers.MultiHeadAttention(2, 5, use_gate=True)
    expected = 5 * (4 * 8 * 10) + 2 * (4 * 4 * 10)
    assert counted(layer, (4, 8), (4, 8)) == [expected]


def test_macs_of_shared_and_nested_layers():
    inner = keras.Sequential(
        [keras.Input((4,)), layers.Dense(4, name="d")], name="inner"
    )
    x = keras.Input((4,))
    model = keras.Model(x, layers.ReLU()(inner(inner(x))))
    assert macs(model) == {"inner/d": 32}


def test_macs_need_sizes():
    x = keras.Input((None, 3))
    model = keras.Model(x, layers.Conv1D(2, 3, name="conv")(x))
    with pytest.raises(ValueError, match="Received a call of `conv`"):
        macs(model)


@pytest.fixture
def open_inside():
    """A model for 16 x 16 images, around one for images of any size."""
    inner = keras.Sequential(
        [
            keras.Input((None, None, 3)),
            layers.Conv2D(8, 3, padding="same", name="conv"),
            layers.MaxPooling2D(),
            layers.Conv2DTranspose(4, 2, strides=2, name="up"),
        ],
        name="inner",
    )
    x = keras.Input((16, 16, 3))
    y = layers.GlobalAveragePooling2D()(inner(x))
    return keras.Model(x, layers.Dense(2, name="out")(y))


def test_macs_of_an_open_model_inside_one_of_known_size(open_inside):
    expected = {
        "inner/conv": 16 * 16 * 3 * 3 * 3 * 8,
        "inner/up": 8 * 8 * 2 * 2 * 8 * 4,
        "out": 4 * 2,
    }
    assert macs(open_inside) == expected
    assert summary_diff(open_inside, open_inside).total.macs == (
        sum(expected.values()),
        sum(expected.values()),
    )


def test_a_budget_for_an_open_model_inside_one_of_known_size(open_inside):
    hard_prune(
        open_inside,
        budget=Budget(flops=0.5),
        structure=Filter(),
        include="re:.*",
    )
    before, after = summary_diff(open_inside, shrink(open_inside)).total.macs
    assert after <= before / 2


def test_an_open_model_in_two_sizes():
    """Each call counts at its own size, also of a model two levels down."""
    conv = layers.Conv1D(2, 3, padding="same", name="conv")
    inner = keras.Sequential([keras.Input((None, 3)), conv], name="inner")
    x = keras.Input((None, 3))
    middle = keras.Model(x, inner(x), name="middle")
    a, b = keras.Input((5, 3)), keras.Input((7, 3))
    model = keras.Model([a, b], [middle(a), middle(b)])
    assert macs(model) == {"middle/inner/conv": (5 + 7) * 3 * 3 * 2}


def test_diff():
    x = keras.Input((4,))
    y = layers.BatchNormalization(name="norm")(x)
    y = layers.Dense(8, "relu", name="a")(y)
    model = keras.Model(x, layers.Dense(2, name="b")(y))
    kernel = np.ones((4, 8))
    kernel[:, :2] = 0
    model.get_layer("a").kernel.assign(kernel)
    diff = summary_diff(model, shrink(model))
    rows = {row.name: row for row in diff.rows}
    assert list(rows) == ["norm", "a", "b"]
    assert rows["norm"].parameters == (16, 16)
    assert rows["norm"].macs == (0, 0)
    assert rows["a"].parameters == (40, 30)
    assert rows["a"].bytes == (160, 120)
    assert rows["b"].macs == (16, 12)
    assert diff.total.parameters == (74, 60)
    assert diff.total.macs == (48, 36)
    assert "81%" in str(diff)
    assert json.loads(json.dumps(diff.to_dicts()))[-1]["bytes"] == [296, 240]
