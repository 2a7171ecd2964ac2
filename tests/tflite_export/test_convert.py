"""Real conversions, on the backend of `KERAS_BACKEND`."""

import dataclasses
import gzip
import os
import subprocess
import sys

import keras
import numpy as np
import pytest
from keras import layers

import keras_slr
from tests.helpers import zeros
from tflite_export import convert
from tflite_export.convert import last_line

RATE = 0.9


@pytest.fixture(scope="module")
def dense():
    """Small CNN whose kernels all differ in size."""
    keras.utils.set_random_seed(1)
    model = keras.Sequential(
        [
            keras.Input((12, 12, 3)),
            layers.Conv2D(16, 3, use_bias=False, name="stem"),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.Conv2D(24, 3, strides=2, padding="same", name="wide"),
            layers.ReLU(),
            layers.Conv2D(32, 1, name="narrow"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(10, activation="softmax", name="head"),
        ]
    )
    # As after training: a fresh batch normalization has nothing to fold.
    rng = np.random.default_rng(0)
    for variable in model.layers[1].variables:
        variable.assign(rng.uniform(0.5, 2.0, variable.shape))
    return model


@pytest.fixture(scope="module")
def pruned(dense):
    model = keras.models.clone_model(dense)
    model.set_weights(dense.get_weights())
    keras_slr.hard_prune(model, RATE, allocation="uniform")
    return model


def kernels(model):
    return [layer.kernel for layer in model.layers if hasattr(layer, "kernel")]


def zeros_by_size(conversion):
    return {weight.size: weight.zeros for weight in conversion.weights}


def outputs(path, x):
    from ai_edge_litert.interpreter import Interpreter

    runner = Interpreter(str(path)).get_signature_runner()
    (name,) = runner.get_input_details()
    return runner(**{name: x})["output_0"]


def test_zeros_and_outputs_of_a_pruned_model(pruned, tmp_path):
    before = dict(os.environ)
    conversion = convert(pruned, tmp_path / "pruned.tflite")
    assert dict(os.environ) == before

    expected = {int(np.prod(k.shape)): zeros(k) for k in kernels(pruned)}
    assert expected == {432: 0, 3456: 3110, 768: 691, 320: 288}
    assert zeros_by_size(conversion) == expected

    path = tmp_path / "pruned.tflite"
    assert list(tmp_path.iterdir()) == [path]
    content = path.read_bytes()
    assert conversion.path == str(path)
    assert conversion.bytes == len(content)
    assert conversion.gzip_bytes == len(gzip.compress(content))
    assert conversion.max_difference < 1e-5
    x = np.random.default_rng(2).normal(size=(3, 12, 12, 3)).astype("float32")
    np.testing.assert_allclose(
        outputs(path, x),
        keras.ops.convert_to_numpy(pruned(x, training=False)),
        rtol=1e-4,
        atol=1e-6,
    )
    with pytest.raises(dataclasses.FrozenInstanceError):
        conversion.path = ""


def test_command_line_on_a_dense_model_as_float16(dense, tmp_path):
    source, out = tmp_path / "dense.keras", tmp_path / "half.tflite"
    dense.save(source)
    out.write_text("before")
    done = run(source, "-o", out, "--quantize", "float16")
    assert done.returncode == 0, done.stderr
    assert f"{out}: {out.stat().st_size} bytes" in done.stdout
    for cell in ("24x3x3x16", "float16", "0.00%"):
        assert cell in done.stdout

    from tflite_export.flatbuffer import weights_of

    weights = weights_of(out)
    assert {w.dtype for w in weights} == {"float16"}
    assert {w.size for w in weights} == {432, 3456, 768, 320}
    # The control of the test above: what it counts, pruning has made. Half
    # precision may round an entry or two to zero.
    assert sum(w.zeros for w in weights) < 3


@pytest.mark.parametrize("content", [None, b"not a model", "zip"])
def test_bad_file_leaves_out_untouched(content, tmp_path):
    source, out = tmp_path / "bad.keras", tmp_path / "out.tflite"
    if content == "zip":
        import zipfile

        with zipfile.ZipFile(source, "w") as file:
            file.writestr("config.json", "{}")
    elif content:
        source.write_bytes(content)
    out.write_text("before")
    done = run(source, "-o", out)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("Expected a ")
    assert str(source) in done.stderr
    assert done.stdout == ""
    assert out.read_text() == "before"
    assert not [p for p in tmp_path.iterdir() if p not in (source, out)]


def test_model_that_does_not_convert(tmp_path):
    x = keras.Input((4,))
    model = keras.Model(x, keras.ops.erfinv(x), name="inverse")
    out = tmp_path / "out.tflite"
    with pytest.raises(RuntimeError, match="`inverse`.*replace Erfinv") as info:
        convert(model, out)
    assert "\n" not in str(info.value)
    assert list(tmp_path.iterdir()) == []


def test_file_that_does_not_agree_is_not_kept(tmp_path):
    model = keras.Sequential([keras.Input((4,)), layers.Dense(3)], name="odd")
    model.layers[0].bias.assign([0.0, np.nan, 0.0])
    out = tmp_path / "out.tflite"
    out.write_text("before")
    with pytest.raises(RuntimeError, match="`odd`.*other values of `output_0`"):
        convert(model, out)
    assert out.read_text() == "before"
    assert list(tmp_path.iterdir()) == [out]


def test_packages_that_are_missing(pruned, tmp_path, monkeypatch):
    folder = tmp_path / "shadow"
    folder.mkdir()
    (folder / "ai_edge_litert.py").write_text(
        "raise ModuleNotFoundError(\"No module named 'ai_edge_litert'\")"
    )
    monkeypatch.syspath_prepend(folder)
    with pytest.raises(RuntimeError, match=r"keras-slr\[export\]"):
        convert(pruned, tmp_path / "out.tflite")
    assert list(tmp_path.iterdir()) == [folder]


def test_arguments(pruned, tmp_path):
    out = tmp_path / "out.tflite"
    with pytest.raises(ValueError, match="received 'int8'"):
        convert(pruned, out, quantize="int8")
    with pytest.raises(ValueError, match="ends in .tflite"):
        convert(pruned, tmp_path / "out.bin")
    with pytest.raises(ValueError, match="make the folder"):
        convert(pruned, tmp_path / "none" / "out.tflite")
    with pytest.raises(TypeError, match="received int"):
        convert(3, out)
    with pytest.raises(ValueError, match="built model"):
        convert(keras.Sequential([layers.Dense(3)]), out)


def test_last_line():
    log = "W0000 00:00:1.2 3 a.cc:1] noise\n2026-01-01 00:00:00 noise\n\n"
    assert last_line(f"Traceback\n  file\nTypeError: what.\n{log}") == (
        "TypeError: what"
    )
    assert last_line(log) == "no message"


def run(*args):
    return subprocess.run(
        [sys.executable, "-m", "tflite_export", *map(str, args)],
        capture_output=True,
        text=True,
    )
