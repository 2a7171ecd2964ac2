"""Weights that were trained on a grid have exactly its values in the file."""

import keras
import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

import keras_slr
from keras_slr.grids.points import to_rows
from keras_slr.selection.kernels import kernels_of
from tests.helpers import to_numpy
from tflite_export import convert
from tflite_export.flatbuffer import entries_of
from tflite_export.flatbuffer import read
from tflite_export.flatbuffer import weight_tensors
from tflite_export.quantization.grid_steps import grid_step

pytestmark = pytest.mark.once("files are converted on TensorFlow")
X = np.random.default_rng(0).normal(size=(64, 8, 8, 3)).astype("float32")


def model_on(grid):
    model = keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            keras.layers.Conv2D(8, 3, activation="relu"),
            keras.layers.Flatten(),
            keras.layers.Dense(5),
        ]
    )
    for layer in (model.layers[0], model.layers[2]):
        bias = np.random.default_rng(1).normal(size=layer.bias.shape)
        layer.bias.assign(bias)
    layers = [keras.layers.Conv2D, keras.layers.Dense]
    keras_slr.hard_prune(model, include=layers, constraint=grid)
    return model


def kernel_rows(model):
    """The kernels by output, in the order of the layers."""
    per_output = keras_slr.Ternary()
    return [
        to_rows(np, per_output, weight, to_numpy(weight.variable))
        for weight in kernels_of(model)
    ]


def stored_rows(path):
    """The real numbers that the file has for each output."""
    file, found = read(path), []
    for tensor in weight_tensors(file):
        # "dynamic" leaves small kernels as they are.
        if tensor.quantization is None or tensor.quantization.scale is None:
            continue
        entries = entries_of(file, tensor).astype("float32")
        scale = np.asarray(tensor.quantization.scale, "float32")
        rows = np.moveaxis(entries, tensor.quantization.quantizedDimension, 0)
        rows = rows.reshape(len(rows), -1)
        found.append(rows * scale.reshape(-1, 1))
    return found


def slow(*values):
    return pytest.param(*values, marks=pytest.mark.slow)


@pytest.mark.parametrize(
    "grid, quantize",
    [
        (keras_slr.Quantize(4), "weights_int4"),
        (keras_slr.Quantize(4), "int8"),
        slow(keras_slr.Ternary(per="tensor"), "weights_int4"),
        slow(keras_slr.PowersOfTwo(4), "weights_int8"),
        slow(keras_slr.Ternary(), "dynamic"),
    ],
    ids=str,
)
def test_the_file_has_the_values_of_the_grid(grid, quantize, tmp_path):
    model = model_on(grid)
    path = tmp_path / "model.tflite"
    calibration = X if quantize == "int8" else None
    result = convert(model, path, quantize=quantize, calibration=calibration)
    kernels = kernel_rows(model)
    found = stored_rows(path)
    assert ("int4" if "int4" in quantize else "int8") in {
        weight.dtype for weight in result.weights
    }
    assert found
    for rows in found:
        expected = next(k for k in kernels if k.shape == rows.shape)
        # Kernels of convolutions have other orders of axes.
        np.testing.assert_array_equal(
            np.sort(rows, axis=1), np.sort(expected, axis=1)
        )
    runner = Interpreter(str(path)).get_signature_runner()
    (received,) = runner(**{next(iter(runner.get_input_details())): X}).values()
    expected = keras.ops.convert_to_numpy(model(X))
    error = np.linalg.norm(received - expected) / np.linalg.norm(expected)
    assert error < (1e-5 if "weights" in quantize else 0.03)


def test_steps_by_hand():
    step = np.float32(0.37)
    k = np.array([-3, 0, 2, 3], "float32")
    assert grid_step(step * k, 7) == step
    # Twice the step gives the same values as the step and even integers.
    assert grid_step(step * 2 * k, 7) == 2 * step
    assert grid_step(step * k, 2) is None
    assert grid_step(np.zeros(3), 7) is None
    assert grid_step(np.array([0.31, -0.7, 0.953]), 127) is None


def test_other_weights_are_rounded_as_before(tmp_path):
    model = model_on(keras_slr.Quantize(8))
    w = np.random.default_rng(2).normal(size=model.layers[2].kernel.shape)
    model.layers[2].kernel.assign(w)
    convert(model, tmp_path / "m.tflite", quantize="weights_int4")
    (rows,) = [r for r in stored_rows(tmp_path / "m.tflite") if len(r) == 5]
    steps = np.abs(w).max(axis=0) / 7
    assert np.all(np.abs(rows.T - w) <= steps / 2 * 1.001)
    assert np.any(np.abs(rows.T - w) > steps / 4)
