"""What runs in the child process: export to ONNX and check, on TensorFlow.

`python -m keras_slr.interop.onnx_child FOLDER`, on a folder with
`model.keras`; writes `model.onnx`.
"""

import json
import pathlib
import sys

import keras
import numpy as np
import onnx
import onnxruntime

from keras_slr.files.load_error import why_not_loaded
from keras_slr.interop.process import ANSWER
from keras_slr.interop.random_batch import random_batch
from keras_slr.interop.random_batch import relative_difference
from keras_slr.selection import kernels_of
from keras_slr_base.failure import Failure
from keras_slr_base.failure import first_sentence

# Largest difference of outputs, relative to the largest entry.
TOLERANCE = 1e-4


def run(folder):
    """Exports the model of a folder.

    Args:
        folder: `pathlib.Path`.

    Returns:
        Dict with the fields of `Exported`, without `path`.

    Raises:
        Failure: Says what went wrong.
    """
    model = _load(folder / "model.keras")
    out = str(folder / "model.onnx")
    batch = random_batch(model)
    # Keras can only export a model that was called before.
    expected = keras.tree.flatten(model(batch, training=False))
    try:
        model.export(out, format="onnx", verbose=False)
    except Exception as error:
        raise Failure(
            f"does not export to ONNX: {first_sentence(error)}"
        ) from error
    zeros, size = _zeros(out)
    given = sum(_zeros_of(kernel) for kernel in _kernels(model))
    if zeros < given:
        raise Failure(f"has {given} zeros and as ONNX {zeros}")
    return {
        "max_difference": _max_difference(out, batch, expected),
        "zeros": zeros,
        "size": size,
    }


def _load(path):
    try:
        return keras.models.load_model(path, compile=False)
    except Exception as error:
        raise Failure(
            f"does not load on TensorFlow: {why_not_loaded(error)}", True
        ) from error


def _max_difference(path, batch, expected):
    session = onnxruntime.InferenceSession(path)
    names = [entry.name for entry in session.get_inputs()]
    received = session.run(None, dict(zip(names, keras.tree.flatten(batch))))
    largest = 0.0
    for ours, theirs in zip(expected, received):
        difference = relative_difference(ours, theirs)
        # Not `>`, so that NaN fails, too.
        if not difference <= TOLERANCE:
            raise Failure(
                f"gives other values as ONNX, by {difference:.1e} of the "
                "largest"
            )
        largest = max(largest, difference)
    return largest


def _zeros(path):
    """Returns the zeros and the entries of the weights of a file."""
    weights = [
        weight
        for entry in onnx.load(path).graph.initializer
        if (weight := onnx.numpy_helper.to_array(entry)).ndim > 1
    ]
    return sum(map(_zeros_of, weights)), sum(w.size for w in weights)


def _kernels(model):
    return [np.asarray(kernel.variable) for kernel in kernels_of(model)]


def _zeros_of(weight):
    return int(weight.size - np.count_nonzero(weight))


def main(folder):
    folder = pathlib.Path(folder)
    try:
        answer = run(folder)
    except Failure as failure:
        answer = {"failure": str(failure), "user_error": failure.user_error}
    (folder / ANSWER).write_text(json.dumps(answer))


if __name__ == "__main__":
    main(sys.argv[1])
