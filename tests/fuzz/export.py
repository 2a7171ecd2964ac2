"""Exports saved models to TFLite, many in one process.

    KERAS_BACKEND=tensorflow python -m tests.fuzz.export MODEL.keras ...

Prints a line of JSON for each.
"""

import collections
import json
import pathlib
import sys

import keras
import numpy as np

from keras_slr_base.failure import Failure
from tflite_export.conversion.child import run
from tflite_export.conversion.request import Job

# What TFLite does not take is said, and is no fault.
REFUSALS = ("uses operations that are not built into TFLite",)


def export(path):
    """Exports one model, which is compared with Keras on the way.

    Returns:
        Dict of the strings `refused` and `failed`, or `None`.
    """
    out = pathlib.Path(path).with_name("pruned.tflite")
    answer = {"path": path, "refused": None, "failed": None}
    try:
        found = run(Job(path, str(out), "auto", None, "arm", None))
        _check_zeros(path, found["weights"])
    except Failure as failure:
        refused = any(r in str(failure) for r in REFUSALS)
        answer["refused" if refused else "failed"] = str(failure)
    except Exception as error:
        answer["failed"] = f"{type(error).__name__}: {error}"
    return answer


def _check_zeros(path, tensors):
    """Every kernel's zeros are in a tensor of the file of its size."""
    kept = collections.defaultdict(list)
    for tensor in tensors:
        kept[int(np.prod(tensor["shape"]))].append(tensor["zeros"])
    for weight in keras.models.load_model(path, compile=False).weights:
        w = keras.ops.convert_to_numpy(weight)
        zeros = w.size - np.count_nonzero(w)
        if weight.name == "kernel" and zeros > 0.2 * w.size:
            found = kept.get(w.size)
            if found and max(found) < zeros:
                raise AssertionError(
                    f"{weight.path}: {zeros} zeros, in the file {found}"
                )


if __name__ == "__main__":
    for name in sys.argv[1:]:
        print(json.dumps(export(name)), flush=True)
