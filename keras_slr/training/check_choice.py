"""Checks the scores and rates by which a solver chooses entries."""

import numbers

import keras
import numpy as np
from keras import ops

from keras_slr.models.weight_values import check_finite


def check_choice(scores, rates, shapes, paths, count):
    """Raises a `ValueError` unless scores and rates fit the weights.

    Args:
        scores: What `Tensors.keep` was given, a list.
        rates: What it was given, a list.
        shapes: List of tuples, the shapes of the weights.
        paths: List of strings, the paths of the weights.
        count: Integer, the number of constraints.
    """
    received = [
        tuple(score.shape) if hasattr(score, "shape") else type(score).__name__
        for score in scores
    ]
    if received != shapes:
        raise ValueError(
            f"Expected scores of the shapes {shapes}. Received: {received}; "
            "pass one array per weight in `weights`."
        )
    for score, path in zip(scores, paths):
        _check_values(score, path)
    valid = [isinstance(r, numbers.Real) and 0 <= r <= 1 for r in rates]
    if len(rates) != count or not all(valid):
        raise ValueError(
            f"Expected {count} rates in [0, 1], one per rate in `rates`. "
            f"Received: {rates}."
        )


def _check_values(score, path):
    """Raises a `ValueError` unless a score is real and finite."""
    if isinstance(score, keras.Variable):
        check_finite(score, path)
        return
    if "complex" in str(score.dtype):
        received = f"scores of type {score.dtype}"
    elif not _is_finite(score):
        received = "NaN or Inf"
    else:
        return
    raise ValueError(
        f"Expected finite real scores. Received {received} for `{path}`: "
        "return a real number for every entry."
    )


def _is_finite(score):
    if isinstance(score, np.ndarray):
        return np.isfinite(score).all()
    return bool(ops.all(ops.isfinite(score)))
