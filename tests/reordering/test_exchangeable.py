"""Units in any order that is allowed leave the outputs as they are."""

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
from keras import layers

from keras_slr.reordering.exchangeable import Units
from tests.fuzz.graphs import image_graph
from tests.helpers import to_numpy
from tests.shrinking.helpers import outputs
from tests.shrinking.helpers import randomize

pytestmark = pytest.mark.once("the graph is the same on every backend")


@pytest.fixture(autouse=True)
def quick(quick_compilation):
    """Many small graphs are compiled here, and each of them run once."""


def shuffled(model):
    """Puts all units in the reverse order; returns the names of kernels."""
    moved = set()
    for kind in Units(model).kinds:
        order = np.arange(len(kind))[::-1]
        for place in kind.places:
            old = to_numpy(place.variable).copy()
            place.variable.assign(place.taken(old, order))
            if not np.array_equal(old, to_numpy(place.variable)):
                moved.add(place.variable.path)
    return moved


def residual(x):
    x = stream = layers.Conv2D(4, 3, name="stem")(x)
    x = layers.BatchNormalization(name="norm")(x)
    x = layers.Conv2D(4, 3, padding="same", name="inner")(x)
    x = layers.Add()([stream, x])
    return layers.Dense(2, name="logits")(layers.Flatten()(x))


def padded_shortcut(x):
    """Half of the channels are those of the shortcut."""
    x = layers.Conv2D(4, 3, name="stem")(x)
    y = layers.Conv2D(8, 1, name="inner")(x)
    y = y + keras.ops.pad(x, [[0, 0], [0, 0], [0, 0], [0, 4]])
    return layers.Dense(2, name="logits")(layers.Flatten()(y))


def depthwise(x):
    x = layers.Conv2D(4, 3, name="stem")(x)
    x = layers.DepthwiseConv2D(3, depth_multiplier=2, name="inner")(x)
    x = layers.SeparableConv2D(4, 1, name="separable")(layers.PReLU()(x))
    return layers.Dense(2, name="logits")(layers.GlobalMaxPooling2D()(x))


def in_groups(x):
    x = layers.Conv2D(8, 3, name="stem")(x)
    x = layers.Conv2D(6, 3, groups=2, name="inner")(x)
    x = layers.GroupNormalization(2, name="norm")(x)
    return layers.Dense(2, name="logits")(layers.Flatten()(x))


def joined_and_split(x):
    x = layers.Flatten()(x)
    a = layers.Dense(6, name="stem")(x)
    b = layers.Dense(4, "relu", name="inner")(x)
    first, second = keras.ops.split(layers.Concatenate()([a, b]), [3], axis=-1)
    y = layers.Concatenate()([layers.Dense(2)(first), second, a])
    return layers.Dense(2, name="logits")(y)


def attention(x):
    x = layers.Reshape((-1, 4))(x)
    y = layers.Dense(8, name="stem")(x)
    y = layers.MultiHeadAttention(4, 3, name="inner")(y, y)
    return layers.Dense(2, name="logits")(layers.GlobalMaxPooling1D()(y))


def shared(x):
    dense = layers.Dense(9, name="stem")
    x = layers.Flatten()(x)
    y = layers.Dense(9, "tanh", name="inner")(x)
    x = dense(y) + dense(layers.ReLU()(dense(y)))
    return layers.Dense(2, name="logits")(layers.ReLU()(x))


MAKERS = (
    residual,
    padded_shortcut,
    depthwise,
    in_groups,
    joined_and_split,
    attention,
    shared,
)


@pytest.mark.parametrize("make", MAKERS, ids=lambda make: make.__name__)
def test_the_outputs_stay(make):
    x = keras.Input((6, 6, 4))
    model = randomize(keras.Model(x, make(x)))
    before = outputs(model)
    moved = {path.split("/")[0] for path in shuffled(model)}
    assert {"stem", "inner"} <= moved
    for a, b in zip(before, outputs(model)):
        np.testing.assert_allclose(a, b, atol=1e-4 * np.abs(a).max())


def test_sums_of_whole_numbers_stay_exactly():
    x = keras.Input((6, 6, 4))
    model = randomize(keras.Model(x, residual(x)))
    norm = model.get_layer("norm")
    for variable in model.variables:
        if "norm" not in variable.path:
            variable.assign(np.round(4 * to_numpy(variable)))
    # A factor of one.
    norm.gamma.assign(np.ones(4))
    norm.moving_variance.assign(np.ones(4) - norm.epsilon)
    norm.moving_mean.assign([1, 2, 3, 4])
    norm.beta.assign([4, 3, 2, 1])
    images = np.random.default_rng(0).integers(-4, 4, (5, 6, 6, 4))
    before = model.predict(images.astype("float32"), verbose=0)
    assert "norm/moving_mean" in shuffled(model)
    np.testing.assert_array_equal(
        before, model.predict(images.astype("float32"), verbose=0)
    )


def test_what_is_read_or_written_outside_stays():
    x = keras.Input((4,))
    y = layers.Dense(6, name="first")(x)
    z = layers.Dense(6, name="second")(layers.LayerNormalization()(y))
    model = randomize(keras.Model(x, layers.Dense(3, name="last")(z)))
    units = Units(model)
    kernel = {
        layer.name: getattr(layer, "kernel", None) for layer in model.layers
    }
    assert [len(kind) for kind in units.kinds] == [6]
    moved = shuffled(model)
    assert moved == {"second/kernel", "second/bias", "last/kernel"}
    reasons = [units.reason(kernel["first"], [axis]) for axis in (0, 1)]
    assert "the model's input" in reasons[0]
    assert "is normalised over" in reasons[1]
    assert units.reason(kernel["second"], [1]) is None
    assert units.reason(kernel["last"], [1]) == "is the model's output"


@pytest.mark.parametrize("heads", [1, 4])
def test_heads_with_masks_of_their_own_stay(heads):
    x = keras.Input((5, 8))
    mask = keras.Input((heads, 5, 5), dtype="int32")
    attention = layers.MultiHeadAttention(4, 3, name="attention")
    y = layers.Dense(2)(attention(x, x, attention_mask=mask))
    model = randomize(keras.Model([x, mask], y))
    before = outputs(model)
    kernel = attention.value_dense.kernel
    moved = any("value" in path for path in shuffled(model))
    assert moved is (heads == 1)
    np.testing.assert_allclose(outputs(model)[0], before[0], atol=1e-4)
    reason = Units(model).reason(kernel, [1])
    assert moved or "has a mask of its own in `attention`" in reason


class Around(keras.Model):
    """A model of a user's class with a graph of layers inside."""

    def __init__(self, reads_dense):
        super().__init__()
        x = keras.Input((4,))
        dense = layers.Dense(6)
        self.inner = keras.Model(x, layers.Dense(2)(dense(x)))
        if reads_dense:
            self.dense = dense

    def call(self, x):
        return self.inner(x) + self.dense(x)[:, :2]


@pytest.mark.parametrize("reads_dense", [False, True])
def test_units_that_are_read_outside_their_graph_stay(reads_dense):
    model = Around(reads_dense)
    model.built = True
    assert bool(shuffled(model)) is not reads_dense
    assert shuffled(model.inner)


@settings(max_examples=12, deadline=None, derandomize=True)
@given(st.data())
def test_random_graphs(data):
    keras.backend.clear_session()
    x, y = image_graph(lambda options: data.draw(st.sampled_from(options)))
    y = layers.Dense(6, name="hidden")(y)
    model = randomize(keras.Model(x, layers.Dense(2)(y)))
    before = outputs(model)
    assert shuffled(model)
    for a, b in zip(before, outputs(model)):
        scale = max(np.abs(a).max(), 1e-3)
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4 * scale)
