"""Whether a TFLite file computes what the Keras model does."""

import dataclasses

import keras
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter

from keras_slr_base.failure import Failure
from tflite_export.flatbuffer import read
from tflite_export.quantization.stored_values import real
from tflite_export.quantization.stored_values import stored

# Rows of random inputs, and the largest number of rows of calibration data.
RANDOM_ROWS = 8
CALIBRATION_ROWS = 64
# Largest difference by `quantize`, relative to the largest entry of the
# output: rounding in float32, and weights rounded to float16.
TOLERANCE = {None: 1e-4, "float16": 1e-2}
# With rounded activations single entries differ by more. There the norm of the
# difference, relative to that of the output, counts: 0.02 to 0.1 for correct
# files of small trained models, 0.8 and more for wrong ones.
NORM_TOLERANCE = 0.3


@dataclasses.dataclass(frozen=True)
class Agreement:
    """How far the outputs of a file are from those of the Keras model.

    Attributes:
        max_difference: Float, the largest absolute difference.
        same_argmax: Float, the share of the samples (pixels, steps) whose
            largest output is the same one, over the outputs with more than
            one; `None` without such outputs.
    """

    max_difference: float
    same_argmax: float | None


def agreement(model, path, quantize, samples=None):
    """Compares a TFLite file with its Keras model.

    Inputs are the samples. Without samples they are standard normal, and 0
    or 1 where they are integers.

    Args:
        model: Keras model.
        path: String, path of the TFLite file.
        quantize: As in `convert`.
        samples: Dict of arrays by name of input. Defaults to `None`.

    Returns:
        `Agreement`.

    Raises:
        Failure: If the difference is beyond `TOLERANCE`, or `NORM_TOLERANCE`
            for the values of `quantize` that are not in it.
    """
    runner = Interpreter(path).get_signature_runner()
    inputs, outputs = runner.get_input_details(), runner.get_output_details()
    expected, received = {}, {}
    for batch in batches(inputs, samples):
        y = _by_name(model(_as_taken(model, batch), training=False))
        z = runner(**{k: stored(x, inputs[k]) for k, x in batch.items()})
        z = {name: real(values, outputs[name]) for name, values in z.items()}
        if y.keys() != z.keys():
            raise Failure(
                f"gives outputs {sorted(y)} but {sorted(z)} as "
                "TFLite: return a tensor, or a list or dict of tensors"
            )
        for name in y:
            _check_shape(name, y[name], z[name])
            expected.setdefault(name, []).append(y[name])
            received.setdefault(name, []).append(z[name])
    steps = _steps(path)
    found = [
        _compare(
            name,
            np.concatenate([np.ravel(y) for y in expected[name]]),
            np.concatenate([np.ravel(z) for z in received[name]]),
            quantize,
            steps.get(name, float(outputs[name]["quantization"][0])),
        )
        for name in expected
    ]
    same = [
        np.ravel(np.argmax(y, -1) == np.argmax(z, -1))
        for name in expected
        for y, z in zip(expected[name], received[name])
        if y.ndim > 1 and y.shape[-1] > 1
    ]
    return Agreement(
        max_difference=max(found, default=0.0),
        same_argmax=float(np.mean(np.concatenate(same))) if same else None,
    )


def batch_size(details):
    """Returns the batch size of an input, or `None` if it is open."""
    size = int(details["shape_signature"][0])
    return None if size < 0 else size


def check_shapes(inputs, samples):
    """Checks that samples are inputs of a model.

    Args:
        inputs: Dict of an interpreter's input details by name.
        samples: Dict of arrays by name.

    Raises:
        Failure: Names the input that they do not fit.
    """
    for name, details in inputs.items():
        shape = _fixed_shape(name, details)
        given = samples[name].shape[1:]
        if given != shape:
            raise Failure(
                f"takes its input `{name}` in shape {shape} where the "
                f"calibration data has {given}: give samples as the model "
                "was trained on",
                user_error=True,
            )


def _fixed_shape(name, details):
    shape = tuple(int(n) for n in details["shape_signature"][1:])
    if any(n < 0 for n in shape):
        raise Failure(
            f"leaves sizes of its input `{name}` open beside the batch: "
            "rebuild it with an input shape of fixed sizes",
            user_error=True,
        )
    return shape


def _dtype(details):
    """Returns the type of an input before quantization."""
    is_rounded = details["quantization"][0]
    return np.dtype("float32" if is_rounded else details["dtype"])


def _draw(name, details, rng):
    shape = (RANDOM_ROWS, *_fixed_shape(name, details))
    dtype = _dtype(details)
    if dtype.kind == "f":
        return rng.standard_normal(shape).astype(dtype)
    if dtype.kind in "iub":
        return rng.integers(0, 2, shape).astype(dtype)
    raise Failure(
        f"takes its input `{name}` as {dtype}: give it numbers instead",
        user_error=True,
    )


def batches(inputs, samples=None):
    """Yields the batches on which two versions of a model are compared.

    They have the batch size of the model, or several rows if it is open.

    Args:
        inputs: Dict of an interpreter's input details by name.
        samples: See `agreement`. Defaults to `None`.

    Yields:
        Dict of arrays by name of input: real numbers, also for inputs that
        are quantized.
    """
    if samples is None:
        rng = np.random.default_rng(0)
        samples = {k: _draw(k, v, rng) for k, v in inputs.items()}
    count = min(len(x) for x in samples.values())
    chosen = np.linspace(0, count - 1, min(count, CALIBRATION_ROWS))
    chosen = chosen.astype("int64")
    fixed = [batch_size(details) for details in inputs.values()]
    size = next((n for n in fixed if n), None)
    start = 0
    while start < len(chosen):
        rows = size or {0: 1, 1: 2}.get(start, len(chosen) - start)
        # The last fixed batch is padded with the first rows.
        taken = chosen[np.arange(start, start + rows) % len(chosen)]
        yield {
            name: samples[name][taken].astype(_dtype(details))
            for name, details in inputs.items()
        }
        start += rows


def _as_taken(model, drawn):
    """Returns inputs by name in the structure that the model takes."""
    flat = [drawn[name] for name in input_names(model, drawn)]
    structure = getattr(model, "input", None)
    if structure is None:
        return flat[0]
    return keras.tree.pack_sequence_as(structure, flat)


def input_names(model, inputs):
    """Lists the inputs of a file in the order of the model.

    Args:
        model: Keras model.
        inputs: Names of the inputs of its TFLite file.

    Returns:
        List of strings.

    Raises:
        Failure: If there are several and their names differ.
    """
    if len(inputs) == 1:
        return list(inputs)
    names = [x.name for x in getattr(model, "inputs", None) or []]
    if sorted(names) != sorted(inputs):
        raise Failure(
            f"takes inputs {sorted(inputs)} whose order is unknown: wrap it "
            "in a functional model with named inputs",
            user_error=True,
        )
    return names


def _by_name(outputs):
    if not isinstance(outputs, dict):
        flat = keras.tree.flatten(outputs)
        outputs = {f"output_{i}": y for i, y in enumerate(flat)}
    return {
        name: keras.ops.convert_to_numpy(y).astype("float64")
        for name, y in outputs.items()
    }


def _check_shape(name, expected, received):
    if expected.shape != received.shape:
        raise Failure(
            f"gives `{name}` in shape {expected.shape} but {received.shape} "
            "as TFLite: rebuild it with a fixed batch size"
        )


def _steps(path):
    """Returns the step of each output that is rounded, by name."""
    model = read(path)
    steps = {}
    for signature in model.signatureDefs:
        graph = model.subgraphs[signature.subgraphIndex]
        last = {int(j): op for op in graph.operators for j in op.outputs}
        for entry in signature.outputs:
            op = last.get(entry.tensorIndex)
            if op is None:
                continue
            code = model.operatorCodes[op.opcodeIndex].builtinCode
            rounded = graph.tensors[int(op.inputs[0])].quantization
            if code == schema.BuiltinOperator.DEQUANTIZE and rounded:
                steps[entry.name.decode()] = float(rounded.scale[0])
    return steps


def _compare(name, expected, received, quantize, step):
    difference = np.abs(expected - received)
    largest = float(np.max(difference, initial=0.0))
    if quantize in TOLERANCE:
        found, of = largest, float(np.max(np.abs(expected), initial=0.0))
        tolerance = TOLERANCE[quantize]
    else:
        # Rounding of the output itself is no error.
        found = float(np.linalg.norm(np.maximum(difference - step, 0.0)))
        of = float(np.linalg.norm(expected))
        tolerance = NORM_TOLERANCE
    # Not `>`, so that NaN fails, too.
    if not found <= tolerance * of:
        where = ""
        if quantize is not None:
            where = (
                ", or convert without `quantize`; "
                "`tflite_export.quantization_error` shows which operation "
                "loses how much"
            )
        raise Failure(
            f"gives other values of `{name}` as TFLite, by {found:.1e} "
            f"for values of size {of:.1e}, where a share of {tolerance:.0e} "
            "is allowed: look for layers that are random or give non-finite "
            f"values{where}"
        )
    return largest
