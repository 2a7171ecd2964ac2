"""Real files of every kind; which of them is kept, and which is not."""

import dataclasses
import gzip
import shutil
import sys

import keras
import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from keras import layers

import keras_slr
from tflite_export import convert
from tflite_export import smallest
from tflite_export.conversion.smallest import STORED

MODULE = sys.modules["tflite_export.conversion.smallest"]

pytestmark = pytest.mark.once(
    "files are made and run the same way on every backend"
)


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(1)
    model = keras.Sequential(
        [
            keras.Input((12, 12, 3)),
            layers.Conv2D(32, 3, activation="relu"),
            layers.Conv2D(64, 3, activation="relu"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(10, name="head"),
        ]
    )
    keras_slr.hard_prune(model, 0.8)
    return model


@pytest.fixture(scope="module")
def data(model):
    """Inputs and the model's own outputs for them."""
    x = np.random.default_rng(0).normal(size=(40, 12, 12, 3))
    x = x.astype("float32")
    return x, keras.ops.convert_to_numpy(model(x))


@pytest.fixture(scope="module")
def files(model, data, tmp_path_factory):
    """Conversion by `quantize`, each converted once."""
    folder = tmp_path_factory.mktemp("files")
    return {
        quantize: convert(
            model,
            folder / f"{quantize}.tflite",
            quantize=quantize,
            calibration=data[0] if quantize == "int8" else None,
            target="size",
        )
        for quantize in STORED
    }


@pytest.fixture(autouse=True)
def converted(files, monkeypatch):
    """Hands out the files that were made already; lists what was asked."""
    asked = []

    def hand_out(model, path, quantize, calibration, target):
        asked.append((quantize, calibration is not None, target))
        shutil.copy(files[quantize].path, path)
        return dataclasses.replace(files[quantize], path=str(path))

    monkeypatch.setattr(MODULE, "convert", hand_out)
    return asked


def closeness(expected, outputs):
    return -float(np.abs(outputs - expected).max())


def outputs(path, x):
    interpreter = Interpreter(str(path))
    interpreter.allocate_tensors()
    found = []
    for example in x:
        (taken,) = interpreter.get_input_details()
        interpreter.set_tensor(taken["index"], example[None])
        interpreter.invoke()
        (given,) = interpreter.get_output_details()
        found.append(interpreter.get_tensor(given["index"])[0])
    return np.array(found)


def test_the_smallest_file_is_kept(model, data, files, converted, tmp_path):
    out = tmp_path / "out.tflite"
    found = smallest(model, out, calibration=data[0])
    assert converted == [
        (None, False, "size"),
        ("float16", False, "size"),
        ("dynamic", False, "size"),
        ("int8", True, "size"),
    ]
    sizes = {}
    for quantize, file in files.items():
        with open(file.path, "rb") as content:
            sizes[quantize] = len(gzip.compress(content.read()))
    assert found.quantize == min(sizes, key=sizes.get) != None  # noqa: E711
    assert list(tmp_path.iterdir()) == [out]
    with open(files[found.quantize].path, "rb") as content:
        assert out.read_bytes() == content.read()
    assert found.conversion.path == str(out)
    assert found.conversion.gzip_bytes == min(sizes.values())
    assert {c.quantize: c.gzip_bytes for c in found.candidates} == sizes
    text = found.render()
    assert "taken" in text and "float32" in text and str(out) in text


def test_without_calibration_int8_is_left_out(model, converted, tmp_path):
    found = smallest(model, tmp_path / "out.tflite")
    assert "int8" not in [quantize for quantize, _, _ in converted]
    reasons = {c.quantize: c.reason for c in found.candidates}
    assert "calibration" in reasons.pop("int8")
    assert set(reasons.values()) == {None}
    assert "needs `calibration` data" in found.render()


def test_a_file_that_scores_less_is_not_taken(model, data, files, tmp_path):
    scores = {
        quantize: closeness(data[1], outputs(file.path, data[0]))
        for quantize, file in files.items()
    }
    order = sorted(scores, key=scores.get, reverse=True)
    assert order[:2] == [None, "float16"]
    # Between what the second and the third of them lose.
    lost = [scores[None] - scores[quantize] for quantize in order]
    found = smallest(
        model,
        tmp_path / "out.tflite",
        calibration=data[0],
        data=data,
        metric=closeness,
        max_drop=(lost[1] + lost[2]) / 2,
    )
    assert found.quantize == "float16"
    for candidate in found.candidates:
        expected = scores[candidate.quantize]
        assert candidate.score == pytest.approx(expected, rel=1e-4, abs=1e-6)
        is_out = candidate.quantize in order[2:]
        assert is_out == ("loses" in (candidate.reason or ""))


def test_a_kind_that_cannot_be_made_is_told(
    model, files, tmp_path, monkeypatch
):
    def hand_out(model, path, quantize, **kwargs):
        if quantize:
            raise RuntimeError("Expected a [model], received another.")
        shutil.copy(files[None].path, path)
        return dataclasses.replace(files[None], path=str(path))

    monkeypatch.setattr(MODULE, "convert", hand_out)
    found = smallest(model, tmp_path / "out.tflite")
    assert found.quantize is None
    assert "a [model], received another" in found.render()


def test_without_the_float32_file_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.setattr(MODULE, "convert", convert)
    out = tmp_path / "out.tflite"
    out.write_text("before")
    with pytest.raises(TypeError, match="Received: int"):
        smallest(3, out)
    assert out.read_text() == "before" and list(tmp_path.iterdir()) == [out]
    with pytest.raises(ValueError, match="make the folder"):
        smallest(3, tmp_path / "none" / "out.tflite")
