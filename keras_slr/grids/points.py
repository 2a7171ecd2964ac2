"""The nearest points of a grid for the weights of a layer."""

import math

import numpy as np

from keras_slr.grids.fit import fit
from keras_slr.grids.fit import nearest


def has_grid(weight):
    """Returns whether a grid applies to a weight that is pruned.

    Biases, scales and other vectors that leave with filters are not
    quantized: they are few, and runtimes store them in full precision.

    Args:
        weight: `selection.Weight`.
    """
    return len(weight.shape) > 1 and weight.variable.name not in (
        "bias",
        "gamma",
        "beta",
    )


def nearest_points(xp, grid, weight, value, mask):
    """Returns the nearest points of the grid, and zeros outside a mask.

    Args:
        xp: `numpy` or `keras.ops`.
        grid: `Grid`.
        weight: `selection.Weight`.
        value: Float32 array of the weight's shape.
        mask: Boolean array of that shape, the entries to keep.

    Returns:
        Float32 array of that shape.
    """
    v, kept = (to_rows(xp, grid, weight, array) for array in (value, mask))
    v = xp.where(kept, v, 0.0)
    points = nearest(xp, grid, v, kept, fit(xp, grid, v, kept))
    return from_rows(xp, grid, weight, points)


def to_rows(xp, grid, weight, array):
    """Turns an array of a weight's shape into rows, one per step."""
    if not _by_channel(grid, weight):
        return xp.reshape(array, (1, -1))
    matrix = weight.axes.to_matrix(xp, array)
    return xp.reshape(matrix, (matrix.shape[0], -1))


def from_rows(xp, grid, weight, rows):
    """Reverses `to_rows`."""
    if not _by_channel(grid, weight):
        return xp.reshape(rows, weight.shape)
    sizes = weight.axes.sizes(weight.shape)
    return weight.axes.from_matrix(xp, xp.reshape(rows, sizes), weight.shape)


def most_values(grid, weight, value):
    """Returns the largest number of different values with one step.

    Args:
        grid: `Grid`.
        weight: `selection.Weight`.
        value: NumPy array of the weight's shape.
    """
    rows = to_rows(np, grid, weight, value)
    return max((len(np.unique(row)) for row in rows), default=0)


def _by_channel(grid, weight):
    return (
        grid.per == "channel"
        and weight.axes is not None
        and math.prod(weight.axes.sizes(weight.shape)) == weight.size
    )
