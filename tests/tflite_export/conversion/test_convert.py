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
from keras_slr_base.failure import last_line
from tests.helpers import slow_where_compiled
from tests.helpers import zeros
from tflite_export import convert

RATE = 0.9
once = pytest.mark.once("says the same on every backend")


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


@once
def test_weights_have_the_names_of_the_layers(tmp_path):
    inner = keras.Sequential(
        [keras.Input((4, 4, 8)), layers.Conv2D(12, 3, name="conv2d")],
        name="inner",
    )
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Conv2D(4, 3, name="conv2d"),
            layers.Conv2D(8, 3, name="conv2d_1"),
            inner,
        ],
        name="net",
    )
    found = convert(model, tmp_path / "net.tflite")
    assert {w.shape[0]: w.name.split("/")[:-1] for w in found.weights} == {
        4: ["net", "conv2d"],
        8: ["net", "conv2d_1"],
        12: ["net", "inner", "conv2d"],
    }


@pytest.mark.slow
@once
def test_command_line_in_int8(dense, pruned, tmp_path):
    source, out = tmp_path / "pruned.keras", tmp_path / "small.tflite"
    pruned.save(source)
    out.write_text("before")
    x = np.random.default_rng(2).normal(size=(40, 12, 12, 3))
    np.savez(tmp_path / "data.npz", x_train=x, y_train=np.zeros(40))
    command = (source, "-o", out, "--quantize", "int8")
    done = run(*command, "--calibration", tmp_path / "data.npz")
    assert done.returncode == 0, done.stderr
    # TensorFlow may print lines of its own.
    lines = done.stderr.splitlines()
    assert [line for line in lines if line.endswith(" ...")] == [
        "load the model ...",
        "convert to float32 ...",
        "quantize to int8 ...",
        "choose the sparse encoding ...",
        "compare with Keras in the interpreter ...",
    ]
    assert f"{out}: {out.stat().st_size} bytes" in done.stdout
    for cell in ("24x3x3x16", "int8", "dense", "the largest the same in"):
        assert cell in done.stdout

    from tflite_export.flatbuffer import weights_of

    found = {w.size: w.zeros for w in weights_of(out)}
    assert {w.dtype for w in weights_of(out)} == {"int8"}
    for kernel in kernels(pruned):
        assert found[int(np.prod(kernel.shape))] >= zeros(kernel)
    # Inputs and outputs stay in float.
    expected = keras.ops.convert_to_numpy(pruned(x[:5].astype("float32")))
    received = outputs(out, x[:5].astype("float32"))
    assert np.abs(expected - received).max() < 0.02

    before = out.read_bytes()
    done = run(*command)
    assert done.returncode == 2
    assert done.stderr.startswith("Expected calibration data for quantize")
    assert done.stderr.count("\n") == 1
    assert out.read_bytes() == before


@slow_where_compiled
def test_dense_blocks_of_any_backend(tmp_path):
    model = keras.Sequential(
        [
            keras.Input((40,)),
            layers.Dense(64, "relu", name="before"),
            layers.Dense(32, name="a"),
            layers.Dense(10),
        ]
    )
    structure = keras_slr.Block((4, 1))
    report = keras_slr.reorder_units(model, {"a": 0.75}, structure=structure)
    assert report.moved
    keras_slr.hard_prune(model, {"a": 0.75}, structure=structure)
    stages = []
    path = tmp_path / "out.tflite"
    # The file is where a link leads to, as with `model.save`.
    link = tmp_path / "link.tflite"
    link.symlink_to(path)
    conversion = convert(model, link, progress=stages.append)
    assert link.is_symlink() and conversion.path == str(link)
    assert len(stages) == 4
    assert {w.shape: w.encoding for w in conversion.weights} == {
        (64, 40): "dense",
        (32, 64): "sparse blocks",
        (10, 32): "dense",
    }
    assert zeros_by_size(conversion) == {2560: 0, 2048: 1536, 320: 0}
    assert "sparse blocks" in str(conversion)
    x = np.random.default_rng(2).normal(size=(3, 40)).astype("float32")
    np.testing.assert_allclose(
        outputs(path, x),
        keras.ops.convert_to_numpy(model(x)),
        rtol=1e-4,
        atol=1e-5,
    )


@once
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
    told = done.stderr.splitlines()[-1]
    assert told.startswith("Expected a ")
    assert str(source) in told
    stages = done.stderr.splitlines()[:-1]
    assert stages == (["load the model ..."] if content == "zip" else [])
    assert done.stdout == ""
    assert out.read_text() == "before"
    assert not [p for p in tmp_path.iterdir() if p not in (source, out)]


@once
def test_model_that_does_not_convert(tmp_path):
    x = keras.Input((4,))
    model = keras.Model(x, keras.ops.erfinv(x), name="inverse")
    out = tmp_path / "out.tflite"
    with pytest.raises(RuntimeError, match="`inverse`.*replace Erfinv") as info:
        convert(model, out)
    assert "\n" not in str(info.value)
    assert list(tmp_path.iterdir()) == []


@once
def test_file_that_does_not_agree_is_not_kept(tmp_path):
    model = keras.Sequential([keras.Input((4,)), layers.Dense(3)], name="odd")
    model.layers[0].bias.assign([0.0, np.nan, 0.0])
    out = tmp_path / "out.tflite"
    out.write_text("before")
    with pytest.raises(RuntimeError, match="`odd`.*other values of `output_0`"):
        convert(model, out)
    assert out.read_text() == "before"
    assert list(tmp_path.iterdir()) == [out]


@once
def test_packages_that_are_missing(pruned, tmp_path, monkeypatch):
    folder = tmp_path / "shadow"
    folder.mkdir()
    (folder / "ai_edge_litert.py").write_text(
        "raise ModuleNotFoundError(\"No module named 'ai_edge_litert'\")"
    )
    monkeypatch.syspath_prepend(folder)
    with pytest.raises(ImportError, match=r"keras-slr\[export\]"):
        convert(pruned, tmp_path / "out.tflite")
    assert list(tmp_path.iterdir()) == [folder]


@once
def test_arguments(pruned, tmp_path):
    out = tmp_path / "out.tflite"
    with pytest.raises(ValueError, match="received 'int4'"):
        convert(pruned, out, quantize="int4")
    with pytest.raises(ValueError, match="`sparsity` to be one of 'auto'"):
        convert(pruned, out, sparsity=True)
    with pytest.raises(ValueError, match="`target` to be one of 'arm'"):
        convert(pruned, out, target="gpu")
    with pytest.raises(ValueError, match="dynamic.*do not load or give wrong"):
        convert(pruned, out, sparsity="encode", quantize="dynamic")
    with pytest.raises(ValueError, match="int16x8.*not measured on ARM"):
        convert(pruned, out, sparsity="encode", quantize="int16x8")
    with pytest.raises(ValueError, match="micro.*has no DENSIFY"):
        convert(pruned, out, sparsity="encode", target="micro")
    with pytest.raises(ValueError, match="received none: give `calibration`"):
        convert(pruned, out, quantize="int16x8")
    with pytest.raises(ValueError, match="Expected `calibration` to be"):
        convert(pruned, out, quantize="int8", calibration=3)
    with pytest.raises(ValueError, match="ends in .tflite"):
        convert(pruned, tmp_path / "out.bin")
    with pytest.raises(ValueError, match="make the folder"):
        convert(pruned, tmp_path / "none" / "out.tflite")
    with pytest.raises(ValueError, match="which cannot be written"):
        convert(pruned, "/proc/out.tflite")
    with pytest.raises(TypeError, match="Received: int"):
        convert(3, out)
    with pytest.raises(ValueError, match="built model"):
        convert(keras.Sequential([layers.Dense(3)]), out)
    assert list(tmp_path.iterdir()) == []


@once
def test_process_that_dies(pruned, tmp_path, monkeypatch):
    folder = tmp_path / "shadow"
    folder.mkdir()
    (folder / "ai_edge_litert.py").write_text("import os; os.abort()")
    monkeypatch.syspath_prepend(folder)
    with pytest.raises(RuntimeError, match="'start': died of SIGABRT") as info:
        convert(pruned, tmp_path / "out.tflite")
    assert "\n" not in str(info.value)
    assert list(tmp_path.iterdir()) == [folder]


@once
def test_last_line():
    log = "W0000 00:00:1.2 3 a.cc:1] noise\n2026-01-01 00:00:00 noise\n\n"
    assert last_line(f"Traceback\n  file\nTypeError: what.\n{log}") == (
        "TypeError: what"
    )
    several = "ValueError: Bad shape.\n\nArguments received:\n  - x=1\n"
    assert last_line(f"Traceback\n  file\n{several}{log}") == (
        "ValueError: Bad shape"
    )
    assert last_line(log) == "no message"


def run(*args):
    return subprocess.run(
        [sys.executable, "-m", "tflite_export", *map(str, args)],
        capture_output=True,
        text=True,
    )
