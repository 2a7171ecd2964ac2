"""Imports Keras, with a short error if its backend is missing."""

import importlib
import os

_BACKENDS = ("tensorflow", "jax", "torch")


def import_keras():
    """Imports Keras.

    Raises:
        ImportError: If the backend of Keras is not installed.
    """
    try:
        importlib.import_module("keras")
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing not in _BACKENDS:
            raise
        raise ImportError(_message(missing), name=missing) from None


def _message(missing):
    named = os.environ.get("KERAS_BACKEND")
    if named:
        received = f"KERAS_BACKEND={named!r}, but {missing} is missing"
    else:
        received = (
            "KERAS_BACKEND is not set, so Keras takes "
            f"{missing}, which is missing"
        )
    others = " or ".join(name for name in _BACKENDS if name != missing)
    return (
        f"Expected the backend of Keras to be installed. Received: {received}:"
        f" set KERAS_BACKEND to {others} before importing, or pip install "
        f'"keras-slr[{missing}]".'
    )
