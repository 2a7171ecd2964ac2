"""What is not cut, and the reason that is given."""

import keras
import numpy as np
import pytest
from keras import layers
from keras import ops

from keras_slr import dependency_groups
from keras_slr import shrink
from tests.shrinking.helpers import assert_same
from tests.shrinking.helpers import group_of
from tests.shrinking.helpers import randomize
from tests.shrinking.helpers import shrunk
from tests.shrinking.helpers import widths

pytestmark = pytest.mark.once("looks at graphs and shapes")


@keras.saving.register_keras_serializable(package="tests")
class Custom(layers.Layer):
    def call(self, x):
        return ops.flip(x, -1)


@keras.saving.register_keras_serializable(package="tests")
class OwnDense(layers.Dense):
    def call(self, x):
        return ops.cumsum(super().call(x), axis=-1)


def mean_of_neighbours(x):
    return x - ops.mean(x, axis=-1, keepdims=True)


def constant(y):
    return y * np.arange(6, dtype="float32")


BETWEEN = [
    (Custom(name="own"), "`own` (Custom), which is not understood"),
    (layers.Lambda(mean_of_neighbours, name="f"), "`f` (Lambda), which is not"),
    (layers.Lambda(lambda x: x[..., 1:], name="f"), "`f` (Lambda), which"),
    (layers.LayerNormalization(name="n"), "is normalised over by `n`"),
    (layers.RMSNormalization(name="n"), "is normalised over by `n`"),
    (layers.UnitNormalization(name="n"), "is normalised over by `n`"),
    (layers.GroupNormalization(1, name="n"), "is normalised over by `n`"),
    (layers.Softmax(name="s"), "is normalised over by `s`"),
    (layers.Activation("softmax", name="s"), "is normalised over by `s`"),
    (layers.Activation("glu", name="s"), "`s` (Activation), which is not"),
    (layers.LSTM(3, return_sequences=True, name="r"), "`r` (LSTM), which"),
    (layers.Permute((2, 1)), "does not keep apart"),
    (constant, "a constant with a value for each"),
    (lambda y: ops.flip(y, -1), "(Flip), which is not understood"),
    (lambda y: y[..., :3], "(GetItem), which is not understood"),
    (lambda y: ops.sum(y, axis=-1, keepdims=True), "(Sum), which is not"),
    (
        lambda y: layers.Dense(6, "softmax", name="p")(y),
        "goes through the activation `softmax` of `p`",
    ),
    (
        lambda y: layers.Dropout(0.5, name="d")(y, training=True),
        "`d` (Dropout), which is not understood",
    ),
]


@pytest.mark.parametrize(("between", "reason"), BETWEEN)
def test_reason(between, reason):
    x = keras.Input((5, 4))
    y = between(layers.Dense(6, name="a")(x))
    model = keras.Model(x, layers.Dense(2)(y))
    randomize(model)
    for name in ("a", "p"):
        kernel = np.zeros((4, 6)) if name == "a" else np.zeros((6, 6))
        if name in [layer.name for layer in model.layers]:
            model.get_layer(name).kernel.assign(kernel)
    names = ["a", "p"] if "of `p`" in reason else ["a"]
    reasons = {n: group_of(model, n).reason for n in names}
    assert reason in reasons[names[-1]]
    if names == ["a"]:
        small = shrink(model)
        assert widths(small) == widths(model)


def test_unknown_layers_are_rebuilt():
    x = keras.Input((5, 4))
    y = OwnDense(6, name="own")(layers.Dense(8, name="a")(x))
    y = layers.Bidirectional(layers.LSTM(3), name="rnn")(y)
    y = layers.Dense(7, "relu", name="b")(y)
    model = keras.Model(x, layers.Dense(2)(y))
    small = shrunk(model, {"b": [0]})
    assert isinstance(small.get_layer("own"), OwnDense)
    assert widths(small)["b"] == (6, 6)


def test_input_that_is_added_keeps_the_units():
    x = keras.Input((6, 6, 3))
    y = layers.Conv2D(3, 3, padding="same", name="a")(x)
    y = layers.Conv2D(4, 3, name="b")(layers.Add(name="add")([x, y]))
    model = keras.Model(x, layers.Flatten()(y))
    groups = dependency_groups(model)
    assert [g.reason for g in groups] == [
        "is joined by `add` (Add) with the model's input",
        "is the model's output",
    ]


def test_shared_layer_that_also_reads_the_input():
    x = keras.Input((6,))
    shared = layers.Dense(6, name="shared")
    y = shared(layers.ReLU()(shared(x)))
    model = keras.Model(x, layers.Dense(2)(y))
    randomize(model)
    reason = group_of(model, "shared").reason
    assert "with the model's input" in reason
    assert_same(model, shrink(model))


def test_shared_layer_that_is_called_for_training_too():
    x = keras.Input((6,))
    shared = layers.Dense(6, name="shared")
    a = layers.Dense(6, "relu", name="a")(x)
    y = layers.Concatenate()([shared(a), shared(a, training=True)])
    model = keras.Model(x, layers.Dense(2)(y))
    shrunk(model, {})
    for name in ("a", "shared"):
        assert "not understood" in group_of(model, name).reason


@pytest.mark.parametrize("first", [True, False])
def test_shared_reshape_keeps_what_one_call_does_not_follow(first):
    x = keras.Input((6,))
    reshape = layers.Reshape((6, 1))
    a = layers.Dense(6, name="a")(x)
    tensors = [reshape(x), reshape(a)] if first else [reshape(a), reshape(x)]
    y = [layers.Dense(2)(layers.Flatten()(t)) for t in tensors]
    model = keras.Model(x, y)
    shrunk(model, {})
    assert "model's input" in group_of(model, "a").reason


def test_depthwise_on_the_input_stays():
    x = keras.Input((6, 6, 3))
    y = layers.DepthwiseConv2D(3, depth_multiplier=2, name="d")(x)
    model = keras.Model(x, layers.Flatten()(layers.Conv2D(2, 3)(y)))
    assert "model's input" in group_of(model, "d").reason


@pytest.mark.parametrize(
    "convert",
    [lambda layer: layer.enable_lora(2), lambda layer: layer.quantize("int8")],
    ids=["lora", "int8"],
)
def test_converted_layers_stay(convert):
    x = keras.Input((6,))
    y = layers.Dense(8, "relu", name="a")(x)
    y = layers.Dense(8, "relu", name="b")(y)
    model = keras.Model(x, layers.Dense(2)(y))
    convert(model.get_layer("b"))
    groups = dependency_groups(model)
    assert "`b` (Dense), which is not understood" in groups[0].reason
    assert len(groups) == 2


@pytest.mark.parametrize("function", [dependency_groups, shrink])
def test_subclassed_model_is_refused(function):
    class Own(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = layers.Dense(3)

        def call(self, x):
            return self.dense(x)

    model = Own()
    model(np.ones((1, 4), "float32"))
    with pytest.raises(ValueError, match="Expected a Functional or Sequential"):
        function(model)
    x = keras.Input((4,))
    assert function(keras.Model(x, model.call(x)))


def test_unbuilt_model_is_refused():
    with pytest.raises(ValueError, match="Expected a built model"):
        shrink(keras.Sequential([layers.Dense(3)]))


def test_layer_without_config_is_named():
    class Own(layers.Layer):
        def __init__(self, table):
            super().__init__(name="own")
            self.table = table

        def call(self, x):
            return x

    x = keras.Input((4,))
    model = keras.Model(x, layers.Dense(2)(Own(np.ones(3))(x)))
    with pytest.raises(ValueError, match="get_config.*`own` of type Own"):
        shrink(model)


@pytest.mark.parametrize("round_to", [0, -8, 2.5, "auto"])
def test_round_to_must_be_a_positive_integer(round_to):
    x = keras.Input((4,))
    model = keras.Model(x, layers.Dense(2)(x))
    with pytest.raises(ValueError, match="Expected `round_to`.*Received"):
        shrink(model, round_to)
