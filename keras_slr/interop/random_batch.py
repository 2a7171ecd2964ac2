"""Random inputs, to compare a model with a file made from it."""

import keras
import numpy as np

from keras_slr.models.graph import graph_of

# Rows of a batch, and what open sizes beside it are taken as.
_ROWS, _OPEN = 3, 32


def random_batch(model):
    """Draws inputs: standard normal, and 0 or 1 where they are integers.

    Args:
        model: Keras 3 model with a known graph.

    Returns:
        Structure of NumPy arrays as the model takes it, always the same.
    """
    rng = np.random.default_rng(0)
    return keras.tree.map_structure(
        lambda tensor: _draw(tensor, rng), graph_of(model).input
    )


def relative_difference(expected, received):
    """Returns the largest difference of two arrays, by the largest entry.

    Args:
        expected: NumPy array.
        received: NumPy array of that shape.

    Returns:
        Float; NaN where an entry is.
    """
    expected, received = np.asarray(expected), np.asarray(received)
    largest = max(np.abs(expected).max(initial=0.0), 1e-6)
    return float(np.abs(expected - received).max(initial=0.0) / largest)


def _draw(tensor, rng):
    shape = [_OPEN if n is None else n for n in tensor.shape]
    if tensor.shape[0] is None:
        shape[0] = _ROWS
    if "int" in tensor.dtype:
        return rng.integers(0, 2, shape).astype(tensor.dtype)
    return rng.standard_normal(shape).astype("float32")
