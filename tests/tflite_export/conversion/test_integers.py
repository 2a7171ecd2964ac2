"""Files with integers: inputs and outputs, weights alone, and what they lose.

Expected values come from the formulas of quantization, written out here.
"""

import subprocess
import sys

import keras
import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from keras import layers

import keras_slr
import tflite_export
from tflite_export.quantization.quantization_error import OperationError
from tflite_export.quantization.quantization_error import QuantizationError

pytestmark = pytest.mark.once("files are made by TensorFlow on every backend")


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((12, 12, 3), name="image"),
            layers.Conv2D(15, 3, activation="relu", name="wide"),
            layers.DepthwiseConv2D(3, activation="relu", name="depth"),
            layers.Conv2DTranspose(8, 2, strides=2, name="up"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(7, name="head"),
        ]
    )
    keras_slr.hard_prune(model, 0.5, include=["wide", "head"])
    return model


@pytest.fixture(scope="module")
def x():
    return np.random.default_rng(0).normal(size=(40, 12, 12, 3)).astype("f")


def of(model, x):
    return keras.ops.convert_to_numpy(model(x, training=False))


def invoked(path, x):
    """Runs a file on examples one by one, as they are stored."""
    interpreter = Interpreter(str(path))
    interpreter.allocate_tensors()
    (taken,) = interpreter.get_input_details()
    (given,) = interpreter.get_output_details()
    found = []
    for example in x:
        interpreter.set_tensor(taken["index"], example[None])
        interpreter.invoke()
        found.append(interpreter.get_tensor(given["index"])[0])
    return np.array(found), taken, given


def check_integer_file(path, dtype, model, x):
    """Runs a file on integers, and returns its inputs' and outputs' scales."""
    low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
    (taken,) = Interpreter(str(path)).get_input_details()
    assert taken["dtype"] is dtype
    scale, zero_point = taken["quantization"]
    # All samples that it was calibrated by fit in, and use the range.
    assert scale == pytest.approx((x.max() - x.min()) / 255, rel=0.02)
    q = np.clip(np.rint(x / scale) + zero_point, low, high).astype(dtype)
    found, _, given = invoked(path, q)
    assert found.dtype == dtype
    y_scale, y_point = given["quantization"]
    y = (found.astype("f") - y_point) * y_scale
    expected = of(model, x)
    error = np.linalg.norm(y - expected) / np.linalg.norm(expected)
    assert error < 0.05
    return (scale, zero_point), (y_scale, y_point), y


def test_integer_inputs_and_outputs(model, x, tmp_path):
    path = tmp_path / "int8.tflite"
    found = tflite_export.convert(
        model, path, quantize="int8", calibration=x, io_dtype="int8"
    )
    taken, given, y = check_integer_file(path, np.int8, model, x)
    ((image,), (output,)) = found.inputs, found.outputs
    assert (image.name, image.dtype, image.shape) == (
        *("image", "int8"),
        (-1, 12, 12, 3),
    )
    assert (image.scale, image.zero_point) == pytest.approx(taken)
    assert (output.dtype, output.shape) == ("int8", (-1, 7))
    assert (output.scale, output.zero_point) == pytest.approx(given)
    assert found.max_difference == pytest.approx(
        np.abs(y - of(model, x)).max(), abs=2 * output.scale
    )
    assert found.same_argmax > 0.9
    sign = "-" if image.zero_point >= 0 else "+"
    words = f"(q {sign} {abs(image.zero_point)}) * {image.scale:.6g}"
    assert f"takes `image` as int8, {words}\n" in str(found)
    # Real numbers in, real numbers out: the benchmark converts.
    targets = of(model, x).argmax(axis=1)
    (row,) = tflite_export.benchmark(
        [path], (x, targets), threads=[1], rounds=2
    ).rows
    assert row.failure is None
    assert row.score == np.mean(y.argmax(axis=1) == targets)


def test_command_line_with_unsigned_integers(model, x, tmp_path):
    model.save(tmp_path / "model.keras")
    np.save(tmp_path / "x.npy", x)
    path = tmp_path / "uint8.tflite"
    done = subprocess.run(
        [
            *(sys.executable, "-m", "tflite_export"),
            *(tmp_path / "model.keras", "-o", path, "--quantize", "int8"),
            *("--calibration", tmp_path / "x.npy", "--io-dtype", "uint8"),
        ],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "takes `image` as uint8, (q - " in done.stdout
    check_integer_file(path, np.uint8, model, x)


@pytest.mark.parametrize(
    "quantize, io_dtype, allowed",
    [
        (None, "int8", "'float32' with"),
        ("dynamic", "uint8", "'float32' with"),
        ("weights_int8", "int8", "'float32' with"),
        ("int8", "int16", "'float32', 'int8', 'uint8' with"),
        ("int16x8", "int8", "'float32', 'int16' with"),
        ("int8", "float16", "'float32', 'int8', 'uint8' with"),
    ],
)
def test_types_that_do_not_go_together(
    model, x, tmp_path, quantize, io_dtype, allowed
):
    with pytest.raises(ValueError, match=f"`io_dtype` to be one of {allowed}"):
        tflite_export.convert(
            model,
            tmp_path / "out.tflite",
            quantize=quantize,
            calibration=x,
            io_dtype=io_dtype,
        )
    assert not list(tmp_path.iterdir())


# Axes of Keras's kernels that are not outputs, and the largest integer.
INPUTS = {"wide": (0, 1, 2), "depth": (0, 1), "up": (0, 1, 3), "head": (0,)}


@pytest.mark.parametrize("bits", [pytest.param(8, marks=pytest.mark.slow), 4])
def test_weights_alone(model, x, tmp_path, bits):
    path = tmp_path / "out.tflite"
    found = tflite_export.convert(model, path, quantize=f"weights_int{bits}")
    rounded = keras.models.clone_model(model)
    rounded.set_weights(model.get_weights())
    zeros = {}
    for name, axes in INPUTS.items():
        kernel = rounded.get_layer(name).kernel
        w = keras.ops.convert_to_numpy(kernel).astype("float64")
        zeros[w.size] = np.count_nonzero(w == 0)
        largest = np.abs(w).max(axis=axes, keepdims=True)
        step = np.where(largest > 0, largest, 1) / (2 ** (bits - 1) - 1)
        kernel.assign(np.rint(w / step) * step)
    received, taken, given = invoked(path, x)
    assert taken["dtype"] is given["dtype"] is np.float32
    # Nothing but the weights is rounded.
    expected = of(rounded, x)
    np.testing.assert_allclose(received, expected, rtol=1e-4, atol=1e-5)
    assert not np.allclose(of(model, x), expected, rtol=1e-3)
    assert {w.dtype for w in found.weights} == {f"int{bits}"}
    for weight in found.weights:
        assert weight.encoding == "dense"
        assert weight.zeros >= zeros.pop(weight.size)
    assert not zeros
    assert found.inputs[0].scale is None and "takes" not in str(found)


def spoiled():
    """Leaves the range of small numbers for large ones, and comes back."""
    x = keras.Input((16,), name="x")
    word = keras.Input((1,), dtype="int32", name="word")
    y = layers.Dense(16, name="first")(x)
    y = layers.ReLU(name="large")(layers.Rescaling(1.0, 1000.0)(y))
    y = layers.Rescaling(1.0, -1000.0, name="small")(y)
    y = layers.Activation("tanh")(y)  # Else `last` takes the shift in.
    y = y + layers.Flatten()(layers.Embedding(5, 16)(word))
    y = layers.Dense(10, name="last")(y)
    return keras.Model([x, word], y, name="spoiled")


def test_which_operation_loses_how_much(tmp_path):
    keras.utils.set_random_seed(0)
    model = spoiled()
    rng = np.random.default_rng(0)
    x = rng.normal(size=(64, 16)).astype("f")
    given = {"x": x, "word": rng.integers(0, 5, (64, 1))}
    out = tmp_path / "out.tflite"
    with pytest.raises(RuntimeError, match="quantization_error` shows which"):
        tflite_export.convert(model, out, quantize="int8", calibration=given)
    assert not out.exists()

    model.save(tmp_path / "model.keras")
    np.savez(tmp_path / "x.npz", **given)
    stages = []
    found = tflite_export.quantization_error(
        tmp_path / "model.keras", tmp_path / "x.npz", progress=stages.append
    )
    assert stages[-1] == "compare the operations"
    assert found.quantize == "int8"
    # About a thousand in 255 steps, each of which is uniform noise.
    first = keras.Model(model.input[0], model.get_layer("first").output)
    y = of(first, x)
    step = (1000 + y.max()) / 255
    noise = step / np.sqrt(12) / np.sqrt(np.mean(np.square(y)))
    assert "small" in found.worst.name
    assert found.worst.own == pytest.approx(noise, rel=0.5)
    by_name = {
        row.name.split("/")[0].split("_")[0]: row for row in found.operations
    }
    assert by_name["first"].own < 0.02
    assert by_name["first"].so_far == pytest.approx(by_name["first"].own)
    last = found.operations[-1]
    assert last.name == "output_0" and last.op == "FULLY_CONNECTED"
    # By itself it is good: what it gets is not.
    assert last.own < 0.05 and last.so_far > 0.3


def test_table_of_operations():
    rows = (
        OperationError("a/[b]", "CONV_2D", 0.01, 0.01),
        OperationError("head", "FULLY_CONNECTED", 0.25, 0.3),
    )
    found = QuantizationError("int8", rows)
    lines = str(found).splitlines()
    assert lines[1].split() == ["a/[b]", "CONV_2D", "1.00%", "1.00%"]
    assert lines[-1] == (
        "int8: the largest own error is that of `head` (FULLY_CONNECTED), "
        "25.00%."
    )
    assert "no operation" in str(QuantizationError("int8", ()))


def test_arguments(model, tmp_path):
    compare = tflite_export.quantization_error
    with pytest.raises(ValueError, match="`quantize` to be one of 'float16'"):
        compare(model, quantize=None)
    with pytest.raises(ValueError, match="calibration data for quantize='int8"):
        compare(model)
    from tflite_export.__main__ import main

    assert main(["quantization-error", str(tmp_path / "none.keras")]) == 2
