"""The unstructured projection as a compiled function, for accelerators.

It selects by bisection on the bit pattern: 31 passes that only count find the
threshold, and a bisection on the index breaks ties. The mask equals that of
`projections.unstructured` bit for bit. No sort is needed, and because it only
counts, it works on sharded arrays.
"""

import math

from keras import ops

from keras_slr.backend import bit_pattern
from keras_slr.projections.largest import MAGNITUDE_BITS


def keep_mask(w, count):
    """Marks the `count` entries of `w` of largest magnitude.

    Args:
        w: Backend tensor of float32, of any shape, with finite entries.
        count: Integer in `[0, size of w]`.

    Returns:
        Boolean tensor of the shape of `w` with exactly `count` true entries.
    """
    bits = ops.bitwise_and(bit_pattern(w), MAGNITUDE_BITS)
    threshold = _largest(
        31, lambda t: ops.sum(ops.cast(bits >= t, "int32")) >= count
    )
    above = bits > threshold
    tied = bits == threshold
    missing = count - ops.sum(ops.cast(above, "int32"))
    index = _flat_index(w.shape)
    # The largest index with at most `missing` tied entries below it.
    bound = _largest(
        max(math.prod(w.shape).bit_length(), 1),
        lambda b: (
            ops.sum(ops.cast(ops.logical_and(tied, index < b), "int32"))
            <= missing
        ),
    )
    return ops.logical_or(above, ops.logical_and(tied, index < bound))


def _flat_index(shape):
    """Returns the index in C order of every entry, in the shape of a tensor.

    Each axis adds its part. Flattening would gather a tensor that is sharded
    along any axis but the first.
    """
    index = ops.zeros((1,) * len(shape), "int32")
    for axis, size in enumerate(shape):
        along = [1] * len(shape)
        along[axis] = size
        stride = math.prod(shape[axis + 1 :])
        steps = ops.arange(size, dtype="int32") * stride
        index = index + ops.reshape(steps, along)
    return index


def _largest(bits, holds):
    """Returns the largest integer below `2 ** bits` for which `holds`.

    `holds` must be true at zero and never become true again once false.
    """

    def set_bit(i, value):
        trial = value + ops.left_shift(
            ops.ones((), "int32"), ops.cast(bits - 1 - i, "int32")
        )
        return ops.where(holds(trial), trial, value)

    return ops.fori_loop(0, bits, set_bit, ops.zeros((), "int32"))
