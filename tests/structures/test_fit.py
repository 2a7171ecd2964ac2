"""Structures through `fit`: every method ends with the structure."""

import keras
import numpy as np
import pytest
from keras import layers

import keras_slr
from tests.contract.methods import FEWER_CALLBACKS
from tests.helpers import to_numpy


def convolutional():
    model = keras.Sequential(
        [
            keras.Input((6, 6, 2)),
            layers.Conv2D(8, 3, activation="relu", name="stem"),
            layers.Conv2D(12, 3, padding="same", activation="relu", name="a"),
            layers.Conv2D(16, 3, activation="relu", name="b"),
            layers.Flatten(),
            layers.Dense(8, name="out"),
        ]
    )
    model.compile("adam", "mse")
    return model


@pytest.fixture
def images():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(64, 6, 6, 2)).astype("float32")
    return x, rng.normal(size=(64, 8)).astype("float32")


def nonzeros(model, name):
    return to_numpy(model.get_layer(name).kernel) != 0


def n_of_m(model):
    a, out = nonzeros(model, "a"), nonzeros(model, "out")
    assert (a.reshape(3, 3, 2, 4, 12).sum(3) == 2).all()
    assert (out.reshape(16, 4, 8).sum(1) == 2).all()


def kernels(model):
    a = nonzeros(model, "a").sum((0, 1))
    assert np.isin(a, [0, 9]).all() and (a == 9).sum() == 96 - 72
    # Windows with a single position are left alone.
    assert nonzeros(model, "out").all()


def blocks(model):
    a = nonzeros(model, "a").reshape(3, 3, 2, 4, 12).sum(3)
    assert np.isin(a, [0, 4]).all() and (a == 4).sum() == 216 - 162
    out = nonzeros(model, "out").reshape(16, 4, 8).sum(1)
    assert np.isin(out, [0, 4]).all() and (out == 4).sum() == 128 - 96


def channels(model):
    assert nonzeros(model, "a").any((0, 1, 3)).sum() == 8 - 6
    assert nonzeros(model, "b").any((0, 1, 3)).sum() == 12 - 9


def columns(model):
    assert nonzeros(model, "a").any(3).sum() == 72 - 54


def filters(model):
    assert nonzeros(model, "a").any((0, 1, 2)).sum() == 12 - 9
    assert nonzeros(model, "b").any((0, 1, 2)).sum() == 16 - 12


def patterns(model):
    for window in nonzeros(model, "b").reshape(9, -1).T:
        assert window.sum() == 4 and window[4]


CASES = {
    "n:m": ({"structure": keras_slr.NM(2, 4)}, n_of_m),
    "kernel": ({"rate": 0.75, "structure": keras_slr.Kernel()}, kernels),
    "block": ({"rate": 0.75, "structure": keras_slr.Block((4, 1))}, blocks),
    "channel": ({"rate": 0.75, "structure": keras_slr.Channel()}, channels),
    "column": ({"rate": 0.75, "structure": keras_slr.Column()}, columns),
    "filter": (
        {
            "rate": 0.75,
            "structure": keras_slr.Filter(grouped=False),
            "exclude": "out",
        },
        filters,
    ),
    "pattern": ({"structure": keras_slr.Pattern()}, patterns),
}


@pytest.mark.parametrize("make", FEWER_CALLBACKS)
@pytest.mark.parametrize("name", CASES)
def test_the_model_has_the_structure(images, make, name):
    choice, check = CASES[name]
    model = convolutional()
    with pytest.raises(AssertionError):
        check(model)
    callback = make(**choice, update_every=1)
    model.fit(*images, epochs=4, verbose=0, callbacks=[callback])
    check(model)
    assert all(np.isfinite(w).all() for w in model.get_weights())


@pytest.mark.parametrize("make", FEWER_CALLBACKS)
def test_heads_are_removed_from_all_their_kernels(make):
    inputs = keras.Input((5, 16))
    attention = layers.MultiHeadAttention(4, 8, name="attention")
    outputs = layers.Dense(3)(attention(inputs, inputs))
    model = keras.Model(inputs, outputs)
    model.compile("adam", "mse")
    x = np.random.default_rng(0).normal(size=(64, 5, 16)).astype("float32")
    callback = make(0.5, structure=keras_slr.Heads(), update_every=1)
    model.fit(x, x[..., :3], epochs=3, verbose=0, callbacks=[callback])
    dead = ~nonzeros_of(attention.output_dense.kernel).any((1, 2))
    assert dead.sum() == 2
    for dense in (
        attention.query_dense,
        attention.key_dense,
        attention.value_dense,
    ):
        alive = nonzeros_of(dense.kernel).any((0, 2))
        np.testing.assert_array_equal(alive, ~dead)
        assert not to_numpy(dense.bias)[dead].any()
    assert to_numpy(attention.output_dense.bias).any()


def nonzeros_of(variable):
    return to_numpy(variable) != 0


def test_structures_by_name(images):
    model = convolutional()
    callback = keras_slr.SLRCallback(
        0.75,
        structure={"a": keras_slr.NM(1, 4), "b": keras_slr.Kernel()},
    )
    model.fit(*images, epochs=4, verbose=0, callbacks=[callback])
    a = nonzeros(model, "a").reshape(3, 3, 2, 4, 12)
    assert (a.sum(3) == 1).all()
    b = nonzeros(model, "b").sum((0, 1))
    assert np.isin(b, [0, 9]).all() and (b == 9).sum() == 192 - 144
    assert nonzeros(model, "out").sum() == 512 - 384


def test_the_report_says_why_a_weight_lacks_the_structure(images):
    model = convolutional()
    report = keras_slr.hard_prune(model, structure=keras_slr.Pattern())
    reasons = {row.path.split("/")[-2]: row.reason for row in report.rows[::2]}
    assert reasons["a"] is None
    assert reasons["out"].value == "its window is not 3x3"
    assert "its window is not 3x3" in str(report)


@pytest.mark.parametrize(
    "choice, text",
    [
        (
            {"structure": {"ot": keras_slr.Kernel()}},
            "Received: 'ot', which matches none; did you mean 'out'",
        ),
        (
            {"structure": {"out": keras_slr.Kernel()}},
            r"Kernel\(\)\. Received: `.*out/kernel` of shape \(64, 8\)",
        ),
        (
            {"include": "stem", "structure": keras_slr.NM(2, 4)},
            "2 inputs are not a multiple of 4",
        ),
        (
            {"include": "re:.*", "structure": keras_slr.Heads()},
            "of which none can",
        ),
        ({"rate": 0.9, "structure": keras_slr.NM(2, 4)}, "fixes it at 0.5"),
    ],
)
def test_errors_say_what_to_do(choice, text):
    with pytest.raises(ValueError, match=text):
        keras_slr.hard_prune(convolutional(), **choice)


def test_other_types_are_refused():
    with pytest.raises(TypeError, match="NM"):
        keras_slr.SLRCallback(structure="2:4")


def test_the_callback_is_saved_with_its_structure():
    for structure in (
        keras_slr.NM(1, 4),
        {"a": keras_slr.Block((4, 1)), "default": keras_slr.Pattern()},
    ):
        callback = keras_slr.SLRCallback(
            None if isinstance(structure, keras_slr.NM) else 0.5,
            structure=structure,
            allocation="erk",
        )
        again = keras_slr.SLRCallback.from_config(callback.get_config())
        assert again.get_config() == callback.get_config()
        assert again.pruner.plan == callback.pruner.plan
