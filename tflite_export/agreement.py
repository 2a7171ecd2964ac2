"""Whether a TFLite file computes what the Keras model does."""

import keras
import numpy as np
from ai_edge_litert.interpreter import Interpreter

from tflite_export.failure import Failure

# Sizes of the random batches; a model of fixed batch size gets as many.
BATCHES = (1, 2, 5)
# Largest difference by `quantize`, relative to the largest entry of the
# output: rounding in float32, and weights rounded to float16.
TOLERANCE = {None: 1e-4, "float16": 1e-2}


def max_difference(model, path, quantize):
    """Compares a TFLite file with its Keras model on random inputs.

    Inputs are standard normal, and 0 or 1 where they are integers.

    Args:
        model: Keras model.
        path: String, path of the TFLite file.
        quantize: As in `convert`.

    Returns:
        Float, the largest absolute difference.

    Raises:
        Failure: If the difference is beyond `TOLERANCE`.
    """
    runner = Interpreter(path).get_signature_runner()
    inputs = runner.get_input_details()
    rng = np.random.default_rng(0)
    largest = 0.0
    for batch in BATCHES:
        drawn = {k: _draw(k, v, batch, rng) for k, v in inputs.items()}
        expected = _by_name(model(_as_taken(model, drawn), training=False))
        received = runner(**drawn)
        if expected.keys() != received.keys():
            raise Failure(
                f"gives outputs {sorted(expected)} but {sorted(received)} as "
                "TFLite: return a tensor, or a list or dict of tensors"
            )
        for name in expected:
            found = _compare(
                name, expected[name], received[name], TOLERANCE[quantize]
            )
            largest = max(largest, found)
    return largest


def _draw(name, details, batch, rng):
    shape = [int(n) for n in details["shape_signature"]]
    if shape and shape[0] < 0:
        shape[0] = batch
    if any(n < 0 for n in shape):
        raise Failure(
            f"leaves sizes of its input `{name}` open beside the batch: "
            "rebuild it with an input shape of fixed sizes",
            user_error=True,
        )
    dtype = np.dtype(details["dtype"])
    if dtype.kind == "f":
        return rng.standard_normal(shape).astype(dtype)
    if dtype.kind in "iub":
        return rng.integers(0, 2, shape).astype(dtype)
    raise Failure(
        f"takes its input `{name}` as {dtype}: give it numbers instead",
        user_error=True,
    )


def _as_taken(model, drawn):
    """Returns inputs by name in the structure that the model takes."""
    if len(drawn) == 1:
        flat = list(drawn.values())
    else:
        names = [x.name for x in getattr(model, "inputs", None) or []]
        if sorted(names) != sorted(drawn):
            raise Failure(
                f"takes inputs {sorted(drawn)} that cannot be told apart: "
                "wrap it in a functional model with named inputs",
                user_error=True,
            )
        flat = [drawn[name] for name in names]
    structure = getattr(model, "input", None)
    if structure is None:
        return flat[0]
    return keras.tree.pack_sequence_as(structure, flat)


def _by_name(outputs):
    if not isinstance(outputs, dict):
        flat = keras.tree.flatten(outputs)
        outputs = {f"output_{i}": y for i, y in enumerate(flat)}
    return {
        name: keras.ops.convert_to_numpy(y).astype("float64")
        for name, y in outputs.items()
    }


def _compare(name, expected, received, tolerance):
    if expected.shape != received.shape:
        raise Failure(
            f"gives `{name}` in shape {expected.shape} but {received.shape} "
            "as TFLite: rebuild it with a fixed batch size"
        )
    difference = float(np.max(np.abs(expected - received), initial=0.0))
    scale = float(np.max(np.abs(expected), initial=0.0))
    # Written so that NaN fails.
    if not difference <= tolerance * scale:
        raise Failure(
            f"gives other values of `{name}` as TFLite, by up to "
            f"{difference:.1e} where the largest is {scale:.1e}: look for "
            "layers that are random or not finite, or convert without "
            "`quantize`"
        )
    return difference
