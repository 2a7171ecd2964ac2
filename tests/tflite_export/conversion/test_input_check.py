"""Inputs that TFLite cannot take are named before anything is converted."""

import keras
import pytest
from keras import layers

from tflite_export import convert
from tflite_export.conversion.input_check import fault

once = pytest.mark.once("reads shapes and types alone")


def open_model():
    image = keras.Input((5,), name="image")
    tokens = keras.Input((None,), dtype="int32", name="tokens")
    y = layers.GlobalAveragePooling1D()(layers.Embedding(9, 4)(tokens))
    return keras.Model(
        {"image": image, "tokens": tokens}, [layers.Dense(4)(image), y]
    )


@once
def test_open_sizes_are_refused_at_once(tmp_path):
    model = open_model()
    stages = []
    with pytest.raises(ValueError) as info:
        convert(model, tmp_path / "out.tflite", progress=stages.append)
    assert stages == []
    told = str(info.value)
    assert "leaves sizes of its input `tokens` open" in told
    assert "(None, None)" in told
    assert "keras.Model(x, model(x))" in told
    assert list(tmp_path.iterdir()) == []


@once
def test_a_model_made_as_the_message_says_is_accepted():
    x = {
        "image": keras.Input((5,), name="image"),
        "tokens": keras.Input((7,), dtype="int32", name="tokens"),
    }
    assert fault(keras.Model(x, open_model()(x))) is None


@pytest.mark.parametrize("kind", ["sparse", "ragged"])
def test_sparse_and_ragged_inputs(kind):
    if keras.backend.backend() != "tensorflow":
        pytest.skip("not every backend has such inputs")
    x = keras.Input((5,), name="x", **{kind: True})
    told = fault(keras.Model(x, layers.Identity()(x)))
    assert told.startswith(f"takes its input `x` as a {kind} tensor")


@once
@pytest.mark.parametrize("dtype", ["string", "complex64"])
def test_inputs_that_are_no_numbers(dtype):
    x = keras.Input((5,), name="x", dtype=dtype)
    told = fault(keras.Model(x, layers.Identity()(x)))
    assert f"takes its input `x` as {dtype}: give it numbers" in told


@once
@pytest.mark.parametrize("dtype", ["float64", "float16", "int64", "bool"])
def test_inputs_that_are_numbers(dtype):
    x = keras.Input((5,), dtype=dtype)
    assert fault(keras.Model(x, layers.Identity()(x))) is None
    assert fault(keras.Sequential([layers.Dense(2)])) is None
