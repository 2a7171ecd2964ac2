"""Operations that are called several times, with units in other places."""

import keras
import numpy as np
import pytest
from keras import layers

from keras_slr import dependency_groups
from keras_slr import shrink
from keras_slr.keras_internals.graphs import producer_of
from tests.helpers import needs_keras
from tests.shrinking.helpers import assert_same
from tests.shrinking.helpers import randomize
from tests.shrinking.helpers import widths

pytestmark = pytest.mark.once("looks at graphs and shapes")


def class_behind(tensor):
    """Returns the class of the operation behind a function of `keras.ops`."""
    return type(producer_of(tensor).operation)


TENSOR = keras.KerasTensor((2, 4, 6))
Pad = class_behind(keras.ops.pad(TENSOR, 1))
Reshape = class_behind(keras.ops.reshape(TENSOR, (8, 6)))
Split = class_behind(keras.ops.split(TENSOR, 2)[0])


def of_model():
    x = keras.Input((4, 6))
    return keras.Model(x, layers.ReLU()(x))


def on_two_axes(operation):
    """Calls an operation on the shape `(4, 6)`, with units on each axis."""
    rows, columns = keras.Input((6, 7)), keras.Input((4, 7))
    tensors = [
        layers.Permute((2, 1))(layers.Dense(4, name="rows")(rows)),
        layers.Dense(6, name="columns")(columns),
    ]
    heads = []
    for x in tensors:
        parts = keras.tree.flatten(operation(x))
        heads += [layers.Dense(2)(layers.Flatten()(part)) for part in parts]
    return keras.Model([rows, columns], heads)


def of_sizes(operation, images=False):
    """Calls an operation on 4 and on 8 units."""
    x = keras.Input((5, 5, 3) if images else (5,))
    heads = []
    for units in (4, 8):
        layer = layers.Conv2D(units, 3) if images else layers.Dense(units)
        for part in keras.tree.flatten(operation(layer(x))):
            heads.append(layers.Dense(2)(layers.Flatten()(part)))
    return keras.Model(x, heads)


def zero_first(layer):
    weights = [np.array(w) for w in layer.get_weights()]
    for weight in weights:
        weight[..., 0] = 0.0
    layer.set_weights(weights)


def small_of(model):
    """Sets the first unit of all layers but the last to zero, and shrinks."""
    randomize(model)
    for layer in model.layers:
        if hasattr(layer, "kernel") and layer.kernel.shape[-1] > 2:
            zero_first(layer)
    small = shrink(model)
    assert_same(model, small)
    return small


OPERATIONS = {
    "Reshape": lambda: layers.Reshape((4, 6)),
    "ops.reshape": lambda: Reshape((-1, 4, 6)),
    "PReLU": layers.PReLU,
    "PReLU, one axis": lambda: layers.PReLU(shared_axes=[1]),
    "ops.split": lambda: Split(2, axis=2),
    "model": of_model,
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_units_on_another_axis_stay(name):
    model = on_two_axes(OPERATIONS[name]())
    small = small_of(model)
    reasons = [str(group.reason) for group in dependency_groups(model)]
    assert any("lies along another axis at another call" in r for r in reasons)
    assert widths(small)["columns"] == (7, 6)


def test_einsum_dense_keeps_its_inputs():
    dense = layers.EinsumDense("bij,jk->bik", output_shape=(4, 5), name="e")
    small = small_of(on_two_axes(dense))
    assert widths(small)["columns"] == (7, 6) and widths(small)["e"][1] < 5


@pytest.mark.parametrize(
    "operation", [layers.ZeroPadding1D(1), Pad(((0, 0), (1, 1), (1, 0)))]
)
def test_padded_units_on_another_axis_stay(operation):
    """The zeros in front of the units are units of the layer beside them."""
    rows, columns = keras.Input((6, 7)), keras.Input((4, 7))
    x = layers.Permute((2, 1))(layers.Dense(4)(rows))
    x = operation(x)
    width = x.shape[2]
    other = keras.Input((width, 7))
    y = layers.Permute((2, 1))(layers.Dense(6, name="beside")(other))
    x = layers.Flatten()(layers.Add()([x, y]))
    z = layers.Flatten()(operation(layers.Dense(6, name="columns")(columns)))
    model = keras.Model(
        [rows, columns, other], [layers.Dense(2)(x), layers.Dense(2)(z)]
    )
    randomize(model)
    zero_first(model.get_layer("beside"))
    assert_same(model, shrink(model))
    reasons = [str(group.reason) for group in dependency_groups(model)]
    assert any("lies along another axis at another call" in r for r in reasons)


@pytest.mark.parametrize(
    ("operation", "images"),
    [
        (layers.Flatten(name="shared"), True),
        (layers.Reshape((-1, 1)), False),
        (layers.ZeroPadding2D(1), True),
    ],
    ids=["Flatten", "Reshape", "ZeroPadding2D"],
)
def test_operation_without_a_size_takes_several(operation, images):
    if isinstance(operation, layers.Reshape):
        needs_keras("3.12", "Reshape layers that take inputs of several sizes")
    model = of_sizes(operation, images)
    small = small_of(model)
    assert small.count_params() < model.count_params()
    reasons = {group.reason for group in dependency_groups(model)}
    assert reasons == {None, "is the model's output"}


def test_parts_of_several_sizes_stay():
    model = of_sizes(Split(2, axis=-1))
    assert widths(small_of(model)) == widths(model)
    reasons = [str(group.reason) for group in dependency_groups(model)]
    assert any("has another size at another call" in r for r in reasons)
