"""What runs in the child process: conversion and check, on TensorFlow.

`python -m tflite_export.child JOB.json RESULT.json`
"""

import copy
import dataclasses
import gzip
import json
import os
import pathlib
import re
import sys

# First of the heavy imports: the one that is missed most often.
import ai_edge_litert.interpreter
import keras
import numpy as np
import tensorflow as tf

# Registers its classes with Keras, for models that hold some.
import keras_slr  # noqa: F401
from tflite_export.agreement import agreement
from tflite_export.agreement import batch_size
from tflite_export.agreement import check_shapes
from tflite_export.agreement import input_names
from tflite_export.calibration import by_input
from tflite_export.choice import choose
from tflite_export.encoded_model import encode_weights
from tflite_export.failure import Failure
from tflite_export.failure import first_sentence
from tflite_export.flatbuffer import entries_of
from tflite_export.flatbuffer import read
from tflite_export.flatbuffer import weight_tensors
from tflite_export.flatbuffer import weights_of
from tflite_export.flatbuffer import write
from tflite_export.job import Job
from tflite_export.stage import announce
from tflite_export.zeros_kept import check_zeros

_LACKING = re.compile(r"^(?:TF Select|Flex|Custom) ops: (.+)$", re.MULTILINE)
_UNKNOWN = re.compile(r"Could not locate class '([^']+)'")
# The sets of operations to quantize to.
_INTEGER = {
    "int8": "TFLITE_BUILTINS_INT8",
    "int16x8": "EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8",
}


def run(job):
    """Converts a saved model and checks the file.

    Args:
        job: `Job`.

    Returns:
        Dict of plain values with the fields of `Conversion` that need the
        model or the file's schema.

    Raises:
        Failure: Says what went wrong.
    """
    announce("load the model")
    model = load(job.source)
    samples = write_dense(job, model)
    if job.sparsity != "none":
        announce("choose the sparse encoding")
        write_sparse(job)
    announce("compare with Keras in the interpreter")
    return compare(job, model, samples)


def write_dense(job, model):
    """Writes the file with all its weights dense, quantized if asked for.

    Args:
        job: `Job`.
        model: Keras model.

    Returns:
        Dict of arrays by name of input, the calibration data, or `None`.

    Raises:
        Failure: If it cannot be done, or quantization loses zeros.
    """
    announce("convert to float32")
    _export(model, job.out)
    inputs = _inputs(job.out)
    samples = _samples(job.calibration, model, inputs)
    if job.quantize:
        announce(f"quantize to {job.quantize}")
        before = read(job.out)
        _export(model, job.out, **_options(job.quantize, inputs, samples))
        check_zeros(before, read(job.out))
    return samples


def write_sparse(job):
    """Encodes the weights of the file that `choose` says.

    Args:
        job: `Job`.

    Raises:
        Failure: If no encoding is safe where one is asked for, or a weight
            decodes to something else.
    """
    dense = read(job.out)
    forms = choose(dense, job.sparsity, job.quantize, job.target)
    if not forms:
        return
    encoded = copy.deepcopy(dense)
    encode_weights(encoded, forms)
    path = str(pathlib.Path(job.out).with_name("encoded.tflite"))
    write(encoded, path)
    _check_encoded(dense, read(path))
    smaller = _compressed(path) < _compressed(job.out)
    if smaller or job.sparsity == "encode" or job.target != "size":
        os.replace(path, job.out)


def compare(job, model, samples):
    """Runs the file and compares it with the model.

    Args:
        job: `Job`.
        model: Keras model.
        samples: What `write_dense` returned.

    Returns:
        As `run` does.

    Raises:
        Failure: If the file does not run, or does not agree.
    """
    try:
        found = agreement(model, job.out, job.quantize, samples)
    except Failure:
        raise
    except Exception as error:
        raise Failure(
            f"does not run in the interpreter: {first_sentence(error)}"
        ) from error
    return {
        **dataclasses.asdict(found),
        "weights": [dataclasses.asdict(w) for w in weights_of(job.out)],
    }


def load(source):
    """Loads a saved model.

    Args:
        source: String, path of the `.keras` file.

    Returns:
        Keras model.

    Raises:
        Failure: If it does not load.
    """
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


def _inputs(path):
    try:
        interpreter = ai_edge_litert.interpreter.Interpreter(path)
        return interpreter.get_signature_runner().get_input_details()
    except Exception as error:
        raise Failure(
            f"does not load in the interpreter: {first_sentence(error)}"
        ) from error


def _samples(path, model, inputs):
    if path is None:
        return None
    with np.load(path) as file:
        arrays = dict(file)
    try:
        samples = by_input(arrays, input_names(model, inputs))
    except ValueError as error:
        raise Failure(str(error), user_error=True) from error
    check_shapes(inputs, samples)
    return samples


def _check_encoded(dense, encoded):
    for before, after in zip(weight_tensors(dense), weight_tensors(encoded)):
        if before.name != after.name or not np.array_equal(
            entries_of(dense, before), entries_of(encoded, after)
        ):
            raise Failure(
                f"changes `{before.name.decode()}` by its sparse encoding: "
                "convert it with sparsity 'none', and report this"
            )


def _compressed(path):
    return len(gzip.compress(pathlib.Path(path).read_bytes()))


def _options(quantize, inputs, samples):
    """Returns the converter's options for a way to quantize."""
    ops = tf.lite.OpsSet
    options = {"optimizations": [tf.lite.Optimize.DEFAULT]}
    if quantize == "float16":
        options["target_spec"] = {"supported_types": [tf.float16]}
    if quantize in _INTEGER:
        # Of these alone: an operation without a form in integers is an
        # error, instead of being left in float.
        options["target_spec"] = {
            "supported_ops": [getattr(ops, _INTEGER[quantize])]
        }
        options["representative_dataset"] = lambda: _rows(inputs, samples)
    return options


def _rows(inputs, samples):
    size = next((n for n in map(batch_size, inputs.values()) if n), 1)
    count = min(len(x) for x in samples.values())
    for start in range(0, count, size):
        # A fixed batch is filled up from the first row again.
        rows = np.arange(start, start + size) % count
        yield {
            name: samples[name][rows].astype(details["dtype"])
            for name, details in inputs.items()
        }


def _export(model, out, target_spec=None, **options):
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
    target |= target_spec or {}
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


def main(job, result):
    job = Job(**json.loads(pathlib.Path(job).read_text()))
    try:
        answer = run(job)
    except Failure as failure:
        answer = {"failure": str(failure), "user_error": failure.user_error}
    with open(result, "w") as file:
        json.dump(answer, file)


if __name__ == "__main__":
    main(*sys.argv[1:])
