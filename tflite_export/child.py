"""What runs in the child process: conversion and check, on TensorFlow.

`python -m tflite_export.child MODEL.keras OUT.tflite RESULT.json [QUANTIZE]`
"""

import dataclasses
import json
import re
import sys

# First of the heavy imports: the one that is missed most often.
import ai_edge_litert.interpreter  # noqa: F401
import keras
import tensorflow as tf

# Registers its classes with Keras, for models that hold some.
import keras_slr  # noqa: F401
from tflite_export.agreement import max_difference
from tflite_export.failure import Failure
from tflite_export.failure import first_sentence
from tflite_export.flatbuffer import weights_of

_LACKING = re.compile(r"^(?:TF Select|Flex|Custom) ops: (.+)$", re.MULTILINE)
_UNKNOWN = re.compile(r"Could not locate class '([^']+)'")


def run(source, out, quantize=None):
    """Converts a saved model and checks the file.

    Args:
        source: String, path of the `.keras` file.
        out: String, path of the TFLite file.
        quantize: As in `convert`. Defaults to `None`.

    Returns:
        Dict of plain values with the fields of `Conversion` that need the
        model or the file's schema.

    Raises:
        Failure: Says what went wrong.
    """
    model = _load(source)
    _export(model, out, quantize)
    try:
        difference = max_difference(model, out, quantize)
    except Failure:
        raise
    except Exception as error:
        raise Failure(
            f"does not run in the interpreter: {first_sentence(error)}"
        ) from error
    return {
        "max_difference": difference,
        "weights": [dataclasses.asdict(w) for w in weights_of(out)],
    }


def _load(source):
    try:
        return keras.models.load_model(source, compile=False)
    except Exception as error:
        unknown = _UNKNOWN.search(str(error))
        if unknown:
            raise Failure(
                f"holds a `{unknown[1]}`, a class that is not Keras's own: "
                "rebuild it from layers of Keras",
                user_error=True,
            ) from error
        raise Failure(
            f"does not load on TensorFlow: {first_sentence(error)}",
            user_error=True,
        ) from error


def _export(model, out, quantize):
    dtypes = {layer.compute_dtype for layer in model._flatten_layers()}
    half = sorted(dtypes & {"float16", "bfloat16"})
    if half:
        raise Failure(
            f"computes in {half[0]}: rebuild it with the dtype policy "
            "float32, and load its weights",
            user_error=True,
        )
    # Built-in operations only: others need a runtime of several times the
    # size, which the interpreter of the check is not.
    target = {"supported_ops": [tf.lite.OpsSet.TFLITE_BUILTINS]}
    options = {}
    if quantize == "float16":
        options["optimizations"] = [tf.lite.Optimize.DEFAULT]
        target["supported_types"] = [tf.float16]
    try:
        model.export(
            out, format="litert", verbose=False, target_spec=target, **options
        )
    except Exception as error:
        lacking = _LACKING.findall(str(error))
        if lacking:
            raise Failure(
                f"uses operations that TFLite has not built in: replace "
                f"{', '.join(lacking)}"
            ) from error
        raise Failure(f"does not convert: {first_sentence(error)}") from error


def main(source, out, result, quantize=None):
    try:
        answer = run(source, out, quantize)
    except Failure as failure:
        answer = {"failure": str(failure), "user_error": failure.user_error}
    with open(result, "w") as file:
        json.dump(answer, file)


if __name__ == "__main__":
    main(*sys.argv[1:])
