"""What several tests need, computed without the code under test."""

import importlib.util
import os
import subprocess
import sys

import keras
import numpy as np
import pytest


def to_numpy(variable):
    return np.asarray(keras.ops.convert_to_numpy(variable.value))


def zeros(variable):
    w = to_numpy(variable).astype("float32")
    return int(w.size - np.count_nonzero(w))


def slow_keep_mask(w, count):
    """Top-k by a stable sort of every entry: magnitude, then index."""
    flat = np.abs(np.asarray(w, dtype="float64").ravel())
    order = sorted(range(flat.size), key=lambda i: (-flat[i], i))
    mask = np.zeros(flat.size, bool)
    mask[order[:count]] = True
    return mask.reshape(np.shape(w))


# The marks of a case that `make slow` has, but on PyTorch, which compiles
# nothing.
SLOW_WHERE_COMPILED = (
    () if keras.config.backend() == "torch" else (pytest.mark.slow,)
)


def slow_where_compiled(test):
    """Leaves a test to `make slow` but on PyTorch, which compiles nothing."""
    for mark in SLOW_WHERE_COMPILED:
        test = mark(test)
    return test


def needs_keras(version, what):
    """Skips a test on a Keras that is older than a version.

    Args:
        version: String of the form "3.14".
        what: String, what that version added.
    """
    installed = keras.__version__.split(".")
    if [int(n) for n in installed[:2]] < [int(n) for n in version.split(".")]:
        pytest.skip(f"Keras {version} added {what}")


def on_every_backend(code, folder):
    """Runs code in a child process on each backend; skips if one is missing.

    Args:
        code: String, Python that saves arrays to the path in `sys.argv[1]`.
        folder: Path of a folder to save to.

    Returns:
        Dict from the names of the backends to dicts of arrays.
    """
    backends = ("tensorflow", "jax", "torch")
    missing = [b for b in backends if importlib.util.find_spec(b) is None]
    if missing:
        pytest.skip(f"not installed: {missing}")
    results = {}
    for backend in backends:
        path = folder / f"{backend}.npz"
        subprocess.run(
            [sys.executable, "-c", code, str(path)],
            env={**os.environ, "KERAS_BACKEND": backend},
            check=True,
        )
        results[backend] = dict(np.load(path))
    return results
