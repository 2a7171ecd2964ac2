"""Converts and checks a model on TensorFlow, in a child process.

`python -m tflite_export.conversion.child JOB.json RESULT.json`
"""

import copy
import dataclasses
import gzip
import json
import os
import pathlib
import sys

# First of the heavy imports: the package that is missing most often.
import ai_edge_litert.interpreter
import keras
import numpy as np

# Registers its classes with Keras, for models that contain them.
import keras_slr  # noqa: F401
from keras_slr_base.failure import Failure
from keras_slr_base.failure import first_sentence
from tflite_export.conversion.agreement import agreement
from tflite_export.conversion.agreement import batch_size
from tflite_export.conversion.agreement import batches
from tflite_export.conversion.agreement import check_shapes
from tflite_export.conversion.agreement import input_names
from tflite_export.conversion.calibration import by_input
from tflite_export.conversion.input_check import fault
from tflite_export.conversion.keras_export import export
from tflite_export.conversion.keras_export import load
from tflite_export.conversion.loops import check_loops
from tflite_export.conversion.progress import announce
from tflite_export.conversion.recurrent import reset_states
from tflite_export.conversion.request import Job
from tflite_export.conversion.routes import ANY_BATCH
from tflite_export.conversion.routes import INTEGER
from tflite_export.conversion.routes import routes
from tflite_export.conversion.zeros_kept import check_zeros
from tflite_export.flatbuffer import entries_of
from tflite_export.flatbuffer import read
from tflite_export.flatbuffer import weight_tensors
from tflite_export.flatbuffer import weights_of
from tflite_export.flatbuffer import write
from tflite_export.quantization import weight_only
from tflite_export.quantization.carried_grids import carry_grids
from tflite_export.quantization.operation_errors import operation_errors
from tflite_export.sparse.choice import choose
from tflite_export.sparse.encoded_model import encode_weights


def run(job):
    """Converts a saved model and checks the file.

    Args:
        job: `Job`.

    Returns:
        Dict of plain values with the fields of `Conversion` that need the
        model or the file's schema; or the list `"operations"`, if that is
        requested.

    Raises:
        Failure: Says what went wrong.
    """
    announce("load the model")
    model = load(job.source)
    reason = fault(model)
    if reason:
        raise Failure(reason, user_error=True)
    *others, last = routes(model, job.quantize)
    for route in others:
        try:
            return _by_route(job, model, route)
        except Failure as failure:
            if failure.user_error:
                raise
    return _by_route(job, model, last)


def _by_route(job, model, route):
    samples = write_dense(job, model, route)
    if job.compares_operations:
        announce("compare the operations")
        return {"operations": compare_operations(job, samples)}
    if job.sparsity != "none":
        announce("choose the sparse encoding")
        write_sparse(job)
    announce("compare with Keras in the interpreter")
    return compare(job, model, samples)


def write_dense(job, model, route=ANY_BATCH):
    """Writes the file with dense weights, quantized if requested.

    Args:
        job: `Job`.
        model: Keras model.
        route: `Route`. Defaults to the one for any batch size.

    Returns:
        Dict of arrays by name of input, the calibration data, or `None`.

    Raises:
        Failure: If the conversion fails, or quantization loses zeros.
    """
    announce(f"convert to float32{route.words}")
    export(model, job.out, route)
    inputs = _inputs(job.out)
    samples = _samples(job.calibration, model, inputs)
    if job.quantize:
        announce(f"quantize to {job.quantize}")
        before = read(job.out)
        os.replace(job.out, _float_path(job))
        if job.quantize in weight_only.BITS:
            after = copy.deepcopy(before)
            weight_only.store_weights(after, weight_only.BITS[job.quantize])
            write(after, job.out)
        else:
            if job.quantize in INTEGER:
                check_loops(before, job.quantize)
            io = job.io_dtype
            export(model, job.out, route, job.quantize, inputs, samples, io)
            if job.quantize in (*INTEGER, "dynamic"):
                after = read(job.out)
                if carry_grids(before, after):
                    write(after, job.out)
        check_zeros(before, read(job.out))
    return samples


def compare_operations(job, samples):
    """Measures the quantization error of each operation.

    Args:
        job: `Job`.
        samples: What `write_dense` returned.

    Returns:
        As `operation_errors` does.

    Raises:
        Failure: If it cannot be measured.
    """
    path = _float_path(job)
    try:
        compared = batches(_inputs(path), samples)
        return operation_errors(path, job.out, compared)
    except Failure:
        raise
    except Exception as error:
        raise Failure(
            "does not run operation by operation in the interpreter: "
            f"{first_sentence(error)}"
        ) from error


def _float_path(job):
    return str(pathlib.Path(job.out).with_name("float32.tflite"))


def write_sparse(job):
    """Encodes the weights of the file that `choose` selects.

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
    # The comparison on the previous route may have left states.
    reset_states(model)
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
        **_ports(job.out),
        "batch": _batch(job.out),
        "weights": [dataclasses.asdict(w) for w in weights_of(job.out)],
    }


def _ports(path):
    """Returns the inputs and outputs of a file, as plain values."""
    runner = ai_edge_litert.interpreter.Interpreter(path).get_signature_runner()
    sides = {
        "inputs": runner.get_input_details(),
        "outputs": runner.get_output_details(),
    }
    return {
        side: [_port(name, details) for name, details in ports.items()]
        for side, ports in sides.items()
    }


def _port(name, details):
    scale, zero_point = details["quantization"]
    return {
        "name": name,
        "shape": [int(n) for n in details["shape_signature"]],
        "dtype": np.dtype(details["dtype"]).name,
        "scale": float(scale) if scale else None,
        "zero_point": int(zero_point) if scale else None,
    }


def _inputs(path):
    try:
        interpreter = ai_edge_litert.interpreter.Interpreter(path)
        return interpreter.get_signature_runner().get_input_details()
    except Exception as error:
        raise Failure(
            f"does not load in the interpreter: {first_sentence(error)}"
        ) from error


def _batch(path):
    sizes = [batch_size(details) for details in _inputs(path).values()]
    return next((size for size in sizes if size), None)


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


def main(job, result):
    # Unfiltered errors keep their own message and the frames of the layer.
    keras.config.disable_traceback_filtering()
    job = Job(**json.loads(pathlib.Path(job).read_text()))
    try:
        answer = run(job)
    except Failure as failure:
        answer = {"failure": str(failure), "user_error": failure.user_error}
    with open(result, "w") as file:
        json.dump(answer, file)


if __name__ == "__main__":
    main(*sys.argv[1:])
