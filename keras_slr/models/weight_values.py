"""Counts zeros and checks for non-finite entries, on the weight's device."""

import math

import keras
import numpy as np
from keras import ops

from keras_slr import backend


class NonFiniteError(ValueError):
    """A weight has NaN or infinite entries."""


def check_finite(variable: keras.Variable, path: str) -> None:
    """Raises a `NonFiniteError` if a weight has NaN or infinite entries.

    Args:
        variable: Keras variable.
        path: String, its name in the error.
    """
    if not _is_finite(variable):
        raise NonFiniteError(
            f"Expected finite weights to prune. Received NaN or Inf in "
            f"`{path}`: check the data for NaN, or lower the learning rate."
        )


def zeros_of(variable: keras.Variable) -> int:
    """Returns the number of entries of a variable that are exactly zero."""
    if backend.on_one_cpu(variable):
        nonzero = np.count_nonzero(backend.to_host(variable))
    else:
        nonzero = ops.count_nonzero(variable.value)
    return math.prod(variable.shape) - int(nonzero)


def _is_finite(variable):
    if backend.on_one_cpu(variable):
        # The sum of squares of finite float32 numbers is finite in double
        # precision. It takes one pass and no memory.
        w = backend.to_host(variable).ravel()
        return math.isfinite(np.einsum("i,i->", w, w, dtype=np.float64))
    return bool(ops.all(ops.isfinite(variable.value)))
