"""The share of a kernel that blocks keep, and the matrix that decides it."""

import numpy as np

from keras_slr.merging.survey import places
from keras_slr.reordering.swaps import Rows
from keras_slr.reordering.swaps import kept


def kept_share(constraint, w):
    """Returns the share of the sum of squares that pruning keeps.

    Args:
        constraint: `structures.Constraint` on one kernel.
        w: NumPy array, the kernel.

    Returns:
        Float; `1.0` for a kernel of zeros.
    """
    (weight,) = constraint.weights
    w = w.astype(np.float64)
    squares = constraint.structure.scores(np, [w], weight) ** 2
    total = squares.sum()
    count = constraint.count(constraint.rate)
    return float(kept(squares, count)[0] / total) if total else 1.0


def rows_of(constraint, w, place):
    """Returns the matrix whose rows are the units at a place.

    Args:
        constraint: `structures.Constraint` with a `Block` on one kernel.
        w: NumPy array, the kernel.
        place: `Place` in this kernel.

    Returns:
        `Rows`, as shares of the kernel's sum of squares; `None` if the order
        along this axis does not change what blocks keep.
    """
    (weight,) = constraint.weights
    axes, (a, b) = weight.axes, constraint.structure.size
    is_input = place.axis in axes.inputs
    block = a if is_input else b
    count = constraint.count(constraint.rate)
    squares = axes.to_matrix(np, np.square(w, dtype=np.float64))
    total = squares.sum()
    if block == 1 or not total or not 0 < count < constraint.units:
        return None
    outputs, inputs, window = squares.shape
    units = np.full(w.shape[place.axis], -1)
    units[place.positions] = np.arange(len(place.positions))[:, None]
    shape = [1] * w.ndim
    shape[place.axis] = -1
    units = np.broadcast_to(units.reshape(shape), w.shape)
    units = axes.to_matrix(np, units)
    if is_input:
        units = units[0, :, 0]
        squares = squares.reshape(outputs // b, b, inputs, window).sum(axis=1)
        squares = np.moveaxis(squares, 1, 0).reshape(inputs, -1)
    else:
        units = units[:, 0, 0]
        squares = squares.reshape(outputs, inputs // a, a, window).sum(axis=2)
        squares = squares.reshape(outputs, -1)
    lie = places(units, np.arange(len(place.positions)))
    return Rows(squares / total, block, count, lie)
