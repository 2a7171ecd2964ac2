"""What `merge_units` leaves alone or refuses, and that it changes nothing."""

import keras
import numpy as np
import pytest
from keras import layers

import keras_slr
from keras_slr.merging import merge_units as module
from tests.merging.helpers import kernels
from tests.shrinking.helpers import randomize

pytestmark = pytest.mark.once("refuses before any backend is asked")


@pytest.fixture(autouse=True)
def quick(quick_compilation):
    """Many small graphs are compiled here, and each of them run once."""


def unmergeable():
    """Returns models by what they say about the units of `written`."""
    x = keras.Input((8,))
    wide = keras.Input((5, 8))
    image = keras.Input((6, 6, 4))
    dense = layers.Dense(8, name="written")
    grouped = layers.Conv2D(8, 3, groups=8, name="written")
    frozen = layers.Dense(3, name="reader", trainable=False)
    attention = layers.MultiHeadAttention(2, 4, name="attention")
    split = layers.Dense(12, name="written")(x)
    decoded = layers.Reshape((2, 6))(split)
    return {
        "is the model's output": (x, dense(x)),
        "goes through the activation `softmax`": (
            x,
            layers.Dense(2)(layers.Dense(8, "softmax", name="written")(x)),
        ),
        "is normalised over by `layer_normalization`": (
            x,
            layers.Dense(2)(layers.LayerNormalization()(dense(x))),
        ),
        "goes through `group_normalization`.*merging does not follow": (
            image,
            layers.Conv2D(2, 3)(
                layers.GroupNormalization(8)(
                    layers.Conv2D(8, 3, name="written")(image)
                )
            ),
        ),
        "is written by `written`.*groups are units": (
            image,
            layers.Conv2D(2, 3)(grouped(layers.Conv2D(8, 1)(image))),
        ),
        "is read by `reader/kernel`, which is frozen": (x, frozen(dense(x))),
        "goes through `attention`.*merging does not follow": (
            wide,
            layers.Dense(2)(
                attention(y := layers.Dense(8, name="written")(wide), y)
            ),
        ),
        "has several filters of `written/kernel`": (
            x,
            layers.Dense(2)(decoded),
        ),
        "lies in `concatenate`.*more than once": (
            x,
            layers.Dense(2)(
                layers.Concatenate()([y := dense(x), layers.ReLU()(y)])
            ),
        ),
    }


@pytest.mark.parametrize("reason", list(unmergeable()))
def test_units_that_cannot_be_merged(reason):
    model = randomize(keras.Model(*unmergeable()[reason]))
    before = model.get_weights()
    with pytest.raises(ValueError, match=f"written/kernel.*{reason}") as error:
        keras_slr.merge_units(model, 0.5, include="written")
    assert "\n" not in str(error.value)
    for a, b in zip(before, model.get_weights()):
        np.testing.assert_array_equal(a, b)


def test_units_that_are_not_named_are_left_alone_with_a_reason():
    x = keras.Input((5, 8))
    y = layers.Dense(8, name="first")(x)
    y = layers.MultiHeadAttention(2, 4, name="attention")(y, y)
    y = layers.Dense(8, name="hidden")(layers.LayerNormalization()(y))
    model = randomize(keras.Model(x, layers.Dense(2)(y)))
    report = keras_slr.merge_units(model, 0.5, include=kernels)
    reasons = {row.path: row.reason for row in report.rows}
    assert reasons["hidden/kernel"] is None
    assert "merging does not follow" in reasons["first/kernel"].value


@pytest.mark.parametrize(
    "arguments,message",
    [
        ({"method": "mean"}, "one of 'kmeans', 'agglomerative'.*'mean'"),
        ({"structure": keras_slr.Heads()}, "to be Filter.*Heads"),
        ({"structure": keras_slr.Filter(grouped=False)}, "to be Filter"),
        ({"rate": 1.5}, "1.5"),
    ],
)
def test_invalid_arguments(make_model, arguments, message):
    with pytest.raises(ValueError, match=message):
        keras_slr.merge_units(make_model(), **arguments)


def test_masks_in_force(make_model):
    model = make_model()
    keras_slr.hard_prune(model, 0.5)
    before = model.get_weights()
    with (
        keras_slr.keep_masks(model),
        pytest.raises(ValueError, match="merge units earlier"),
    ):
        keras_slr.merge_units(model, 0.25)
    for old, new in zip(before, model.get_weights()):
        np.testing.assert_array_equal(old, new)
    keras_slr.merge_units(model, 0.25)


def test_weights_that_are_not_finite(make_model):
    model = make_model()
    reader = model.layers[-1].kernel
    reader.assign(np.full(reader.shape, np.nan))
    with pytest.raises(ValueError, match="finite"):
        keras_slr.merge_units(model, 0.5, include=kernels)


def test_an_interrupted_call_leaves_the_model_as_it_was(
    make_model, monkeypatch
):
    model = make_model()
    before = model.get_weights()
    calls = []

    def interrupted(harms, labels, count):
        calls.append(count)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return real(harms, labels, count)

    real = module.representatives
    monkeypatch.setattr(module, "representatives", interrupted)
    with pytest.raises(KeyboardInterrupt):
        keras_slr.merge_units(model, 0.5, include=kernels)
    for a, b in zip(before, model.get_weights()):
        np.testing.assert_array_equal(a, b)
