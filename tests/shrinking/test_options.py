"""Options of layers and operations: followed, or left whole with the reason."""

import keras
import numpy as np
import pytest
from keras import layers
from keras import ops

from keras_slr import dependency_groups
from keras_slr import shrink
from keras_slr import shrink_report
from keras_slr.keras_internals.layers import is_of_keras
from keras_slr.shrinking.constants import is_elementwise
from keras_slr.shrinking.options import parameters
from keras_slr.shrinking.rules import RULES
from keras_slr.shrinking.rules import Rule
from keras_slr.shrinking.rules import elementwise
from tests.helpers import needs_keras
from tests.shrinking.helpers import assert_same
from tests.shrinking.helpers import randomize
from tests.shrinking.helpers import zero_kernels

pytestmark = pytest.mark.once("looks at graphs; torch has channels_first")


def zero_half(model, roles=("output",)):
    """Sets random weights, with zeros in half of each group's kernels."""
    randomize(model)
    for group in dependency_groups(model):
        if group.reason is None:
            zero_kernels(group, np.arange(group.size // 2), roles)


def shrunk(model, roles=("output",)):
    """Returns the small model and the reasons, outputs being the same."""
    zero_half(model, roles)
    small = shrink(model)
    assert_same(model, small)
    rows = shrink_report(model).rows
    return small, " and ".join(row.reason for row in rows if row.reason)


def dense(shape, between):
    """Returns a model of two Dense layers with something between them."""
    x = keras.Input(shape)
    y = between(layers.Dense(6, name="a")(x))
    return keras.Model(x, layers.Dense(2)(y))


def with_data_format(build):
    def in_channels_first():
        keras.config.set_image_data_format("channels_first")
        try:
            return build()
        finally:
            keras.config.set_image_data_format("channels_last")

    return in_channels_first


def convolutions():
    first = "channels_first"
    return keras.Sequential(
        [
            keras.Input((2, 6, 6)),
            layers.Conv2D(4, 3, data_format=first),
            layers.Conv2D(6, 3, data_format=first),
            layers.Flatten(data_format=first),
            layers.Dense(5),
        ]
    )


@with_data_format
def dense_to_flatten():
    return dense((5, 3), layers.Flatten())


@with_data_format
def convolutions_1d():
    return keras.Sequential(
        [
            keras.Input((2, 6)),
            layers.Conv1D(4, 3),
            layers.Conv1D(6, 3),
            layers.Flatten(),
            layers.Dense(5),
        ]
    )


def group_norm():
    x = keras.Input((5, 3))
    y = layers.Dense(8, use_bias=False)(x)
    y = layers.GroupNormalization(4, center=False, scale=False)(y)
    return keras.Model(x, layers.Dense(2)(y))


def batch_renorm():
    needs_keras("3.14", "batch renormalization")
    norm = layers.BatchNormalization(renorm=True, name="norm")
    return dense((4,), norm)


def masked_norm():
    x = keras.Input((5, 3))
    y = layers.Dense(6)(layers.Masking()(x))
    y = layers.GlobalAveragePooling1D()(layers.BatchNormalization()(y))
    return keras.Model(x, layers.Dense(2)(y))


def attention_without_places():
    x = keras.Input((4, 6))
    mask = np.ones((1, 4, 4), bool)
    mask[:, 0] = False
    y = layers.Dense(8)(x)
    # With a dropout, a row without places gets zeros.
    attention = layers.MultiHeadAttention(4, 3, dropout=0.1)
    y = attention(y, y, attention_mask=mask)
    return keras.Model(x, layers.Dense(2)(layers.Flatten()(y)))


FOLLOWED = [
    convolutions,
    dense_to_flatten,
    convolutions_1d,
    group_norm,
    batch_renorm,
    masked_norm,
    attention_without_places,
]


@pytest.mark.parametrize("build", FOLLOWED, ids=lambda f: f.__name__)
def test_followed(build):
    model = build()
    small, _ = shrunk(model)
    assert small.count_params() < model.count_params()


def clipped(y):
    return ops.clip(y, 0.0, [0.5, 1.0, 1.5, 2.0, 2.5, 3.0])


def softmax_over_all(y):
    y = ops.softmax(ops.transpose(y, (0, 2, 1)), axis=None)
    return ops.transpose(y, (0, 2, 1))


def units_in_place_of_the_batch(y):
    y = ops.squeeze(ops.expand_dims(ops.transpose(y), 1), 1)
    return ops.transpose(y)


def beside_an_array(y):
    return ops.concatenate([y, np.ones((3, 5, 2), "float32")], -1)


def biased_on_another_axis(y):
    layer = layers.EinsumDense("abc,cd->adb", (4, 5), bias_axes="b", name="e")
    return layer(y)


def gated_attention(y):
    needs_keras("3.14", "gates to attention")
    return layers.MultiHeadAttention(2, 3, use_gate=True)(y, y)


LEFT_WHOLE = [
    ((4,), clipped, "with `x_max=[0.5, 1.0, 1.5, 2.0, 2.5, 3.0]`"),
    (
        (5, 3),
        lambda y: ops.max(y, axis=1, initial=0.5),
        "(Max), which is not understood with `initial=0.5`",
    ),
    (
        (5, 3),
        layers.Dropout(0.1, (None, 1, 6), name="d"),
        "`d` (Dropout), which is not understood with "
        "`noise_shape=(None, 1, 6)`",
    ),
    (
        (6, 3),
        layers.RMSNormalization(axis=1, name="r"),
        "`r` (RMSNormalization), which is not understood with `axis=[1]`",
    ),
    (
        (6, 3),
        layers.LayerNormalization(axis=1, name="n"),
        "`n` (LayerNormalization), which is not understood with `axis=[1]`",
    ),
    ((6, 3), softmax_over_all, "is normalised over by"),
    ((5, 3), lambda y: ops.pad(y, 1), "with `pad_width=((1, 1),)`"),
    ((5, 3), beside_an_array, "(Concatenate), which is not understood"),
    ((6,), units_in_place_of_the_batch, "(Transpose), which is not understood"),
    ((5, 3), biased_on_another_axis, "`e` (EinsumDense), which is not"),
    (
        (5, 3),
        gated_attention,
        "(MultiHeadAttention), which is not understood with `use_gate=True`",
    ),
    (
        (5, 3),
        lambda y: layers.Softmax(axis=1, name="s")(
            y, mask=np.ones((3, 5, 6), bool)
        ),
        "`s` (Softmax), which is not understood with `mask`",
    ),
    (
        (4,),
        lambda y: layers.Dropout(0.0)(y, training=True),
        "(Dropout), which is not understood with `training=True`",
    ),
]


@pytest.mark.parametrize(("shape", "between", "reason"), LEFT_WHOLE)
def test_left_whole(shape, between, reason):
    # What nothing reads goes too, whatever it holds.
    small, reasons = shrunk(dense(shape, between), ("output", "input"))
    assert small.get_layer("a").units == 6
    assert reason in reasons


def test_reshape_that_moves_units_past_an_unknown_size():
    x = keras.Input((None, 3))
    y = layers.Reshape((6, -1))(layers.Dense(6, name="a")(x))
    model = keras.Model(x, layers.Dense(2)(layers.Permute((2, 1))(y)))
    zero_half(model)
    small = shrink(model)
    data = np.random.default_rng(0).normal(size=(2, 4, 3)).astype("float32")
    np.testing.assert_allclose(
        ops.convert_to_numpy(model(data)),
        ops.convert_to_numpy(small(data)),
        atol=1e-6,
    )
    assert "(Reshape), which is not understood" in str(shrink_report(model))


def classes_of_keras():
    """Returns the classes of all layers and operations, by name."""
    found, left = {}, [keras.Operation]
    while left:
        kind = left.pop()
        left += kind.__subclasses__()
        if is_of_keras(kind):
            found.setdefault(kind.__name__, set()).add(kind)
    return found


def test_rules_know_every_option_of_this_keras():
    of_keras = {n: rule for n, rule in RULES.items() if "/" not in n}
    for name, rule in of_keras.items():
        # Rules for layers of a newer Keras apply to none.
        for kind in classes_of_keras().get(name, ()):
            options = set().union(*parameters(kind))
            unknown = options - set(rule.options) - LEFT_OUT.get(name, set())
            assert not unknown, (
                f"Keras {keras.__version__} has options of `{kind}` that its "
                "rule in `keras_slr.shrinking.rules` does not know: "
                f"{unknown}. "
                "Models that set one are left whole. Add each of them to the "
                "`options` of the rule and follow what it does, or to "
                "`LEFT_OUT` in this test."
            )


# Whoever sets these has the layer left whole.
LEFT_OUT = {
    "Amax": {"initial"},  # From Keras 3.16.
    "Amin": {"initial"},
    "Average": {"axis", "weights"},
    "Max": {"initial"},
    "Min": {"initial"},
    "GroupedQueryAttention": {"use_gate", "return_attention_scores"},
    "MultiHeadAttention": {"use_gate"},
    "Pad": {"constant_values"},
    "Softmax": {"mask"},
}


@pytest.mark.parametrize("slope", [0.3, 0.2])
def test_an_option_that_no_rule_knows(slope, monkeypatch):
    """An option of a future Keras: fine at its default, named otherwise."""
    monkeypatch.setitem(RULES, "LeakyReLU", Rule(elementwise.unary))
    _, reasons = shrunk(dense((4,), layers.LeakyReLU(slope, name="l")))
    reason = (
        "`l` (LeakyReLU), which is not understood with `negative_slope=0.2`"
    )
    assert (reason in reasons) == (slope == 0.2)


def test_activations_that_mix_units_are_known():
    x = np.random.default_rng(0).normal(size=(3, 8)).astype("float32")
    for name, function in vars(keras.activations).items():
        # The threshold has no default, which no layer can give it.
        others = ("get", "serialize", "deserialize", "threshold")
        if name in others or name[0] == "_":
            continue
        y = ops.convert_to_numpy(function(ops.convert_to_tensor(x)))
        first = ops.convert_to_numpy(function(ops.convert_to_tensor(x[:, :4])))
        alone = y.shape == x.shape and np.allclose(y[:, :4], first)
        assert is_elementwise(function) == alone, name
