"""The check that weights are finite numbers."""

import math

import numpy as np

from keras_slr.training import backend


class NonFiniteError(ValueError):
    """A weight has NaN or infinite entries."""


def check_finite(variable, path):
    """Raises a `NonFiniteError` if a weight has NaN or infinite entries.

    Args:
        variable: Keras variable.
        path: String, its name in the error.
    """
    # The sum of squares of finite float32 numbers is finite in double
    # precision, and needs one pass and no memory.
    w = backend.to_host(variable).ravel()
    if not math.isfinite(np.einsum("i,i->", w, w, dtype=np.float64)):
        raise NonFiniteError(
            f"Expected finite weights to prune. Received NaN or Inf in "
            f"`{path}`: check the data for NaN, or lower the learning rate."
        )
