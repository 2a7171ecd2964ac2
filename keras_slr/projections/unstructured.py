"""Projection onto tensors with at most `count` non-zero entries.

The nearest such tensor keeps the `count` entries of largest magnitude. Ties go
to the lowest index in the C order of the Keras layout, so that the count is
exact and the mask is the same on every backend.

Magnitudes are compared as the bit patterns of float32 numbers without their
sign: for non-negative floats, the bits read as integers have the order of the
values. Denormal numbers therefore count, whatever the processor's
flush-to-zero mode, and -0.0 equals 0.0.
"""

import numpy as np

from keras_slr.projections.largest import mark_largest


def keep_count(size, rate, least=1):
    """Returns how many of `size` entries stay at a pruning rate.

    Args:
        size: Integer, the number of entries of the tensor.
        rate: Float in `[0, 1]`, the fraction of entries to set to zero.
        least: Integer, the number that stays at any rate. Defaults to `1`.

    Returns:
        `size - round(rate * size)`, but at least `least`.
    """
    return max(size - round(rate * size), least)


def keep_mask(w, count):
    """Marks the `count` entries of `w` of largest magnitude.

    Args:
        w: NumPy array of floats, of any shape.
        count: Integer in `[0, w.size]`, the number of entries to keep.

    Returns:
        Boolean array of the shape of `w` with exactly `count` true entries.

    Raises:
        ValueError: If an entry of `w` is NaN or infinite.
    """
    bits = np.ascontiguousarray(w, dtype=np.float32).view(np.int32).ravel()
    return mark_largest(bits, count).reshape(np.shape(w))


def project(w, count):
    """Returns the nearest array to `w` with at most `count` non-zeros.

    Args:
        w: NumPy array of floats, of any shape.
        count: Integer in `[0, w.size]`, the number of entries to keep.

    Returns:
        Array like `w` in which all but `count` entries are `0.0`.

    Raises:
        ValueError: If an entry of `w` is NaN or infinite.
    """
    return np.where(keep_mask(w, count), w, np.zeros((), w.dtype))
