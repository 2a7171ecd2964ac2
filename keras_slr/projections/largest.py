"""The largest magnitudes of an array, without sorting all of it.

A sorted sample brackets the threshold. One pass marks the magnitudes above the
bracket and collects the few inside it, and the search continues among these.
Counts decide, never the sample: a sample that misleads only makes the search
longer. `np.partition` can take 70 times longer when most values are equal; this
takes a few passes, whatever the values.
"""

import math

import numpy as np

from keras_slr.projections.sweep import BLOCK
from keras_slr.projections.sweep import sweep

MAGNITUDE_BITS = np.int32(0x7FFFFFFF)
INFINITY_BITS = 0x7F800000

# Up to this size `np.partition` is fast enough for all values.
_TINY = 1 << 12
# Up to this size it is faster, unless many values are equal.
_SMALL = 1 << 20
# The sample has `size ** _SAMPLE` entries. As many, but for a factor, then lie
# in its bracket, so neither takes much longer than the other.
_SAMPLE = 2 / 3
# The bracket reaches this many standard deviations to both sides: one in some
# 2000 misses the threshold.
_DEVIATIONS = 3.5
# The distance of sampled entries, as a share of the array, modulo its size. It
# spreads them evenly, and over all columns of a kernel.
_GOLDEN = (math.sqrt(5) - 1) / 2


def mark_largest(bits, count):
    """Marks the `count` largest magnitudes, the first of equal ones.

    Args:
        bits: Vector of int32, the bit patterns of float32 numbers. Their
            signs are ignored.
        count: Integer in `[0, bits.size]`.

    Returns:
        Boolean vector with `count` true entries.

    Raises:
        ValueError: If a number is NaN or infinite.
    """
    if bits.size <= _TINY or (bits.size <= _SMALL and not _mostly_equal(bits)):
        return _mark_few(bits & MAGNITUDE_BITS, count)
    low, high = _bracket(bits, count)
    pivot = low
    if low < high:
        mask, above, index = _mark_above(bits, low, high)
        missing = count - above
        if 0 <= missing <= index.size:
            mask[index[~_mark_part(bits, index, missing)]] = False
            return mask
        pivot = high if missing < 0 else low
    return _mark_around(bits, count, pivot)


def _mark_few(found, count):
    """Marks the largest of a few magnitudes."""
    _check_finite(found)
    if count == 0:
        return np.zeros(found.size, bool)
    rank = found.size - count
    least = np.partition(found, rank)[rank]
    mask = found >= least
    surplus = np.count_nonzero(mask) - count
    if surplus:
        mask[np.flatnonzero(found == least)[-surplus:]] = False
    return mask


def _mostly_equal(bits):
    few = np.sort(bits[:: bits.size // 64] & MAGNITUDE_BITS)
    return 4 * np.count_nonzero(few[1:] == few[:-1]) > few.size


def _mark_part(bits, index, count):
    """Marks the largest of the magnitudes at some indices."""
    part = bits[index]
    if part.size <= bits.size // 2:
        return mark_largest(part, count)
    # The sample misled, and might do so again.
    return _mark_few(part & MAGNITUDE_BITS, count)


def _bracket(bits, count):
    """Returns sampled magnitudes between which the threshold should lie."""
    size = bits.size
    sample = np.sort(bits[_places(size)] & MAGNITUDE_BITS)
    number = sample.size
    share = count / size
    rank = (1.0 - share) * number
    spread = _DEVIATIONS * math.sqrt(share * (1.0 - share) * number) + 1.0
    low, high = math.floor(rank - spread), math.ceil(rank + spread)
    return (
        int(sample[low]) if low >= 0 else -1,
        int(sample[high]) if high < number else INFINITY_BITS,
    )


def _places(size):
    """Returns the indices of the sample."""
    numbers = np.arange(int(size**_SAMPLE), dtype=np.int64)
    return numbers * int(size * _GOLDEN) % size


def _check_finite(found):
    # NaN and infinity have patterns above every finite number.
    if np.maximum.reduce(found, initial=0) >= INFINITY_BITS:
        raise ValueError(
            "Expected finite numbers. Received a tensor with NaN or Inf."
        )


def _mark_above(bits, low, high):
    """Marks the magnitudes above `low`.

    Returns:
        The mask, the number of magnitudes from `high` on, and the indices of
        those between the two.
    """
    mask = np.empty(bits.size, bool)
    begin, width = np.int32(low + 1), np.uint32(high - low - 1)

    def mark(block, out, offsets, inside):
        np.bitwise_and(block, MAGNITUDE_BITS, out=offsets)
        _check_finite(offsets)
        offsets -= begin
        above = _marked(np.greater_equal, offsets, 0, out)
        # Offsets below zero wrap to large numbers.
        np.less(offsets.view(np.uint32), width, out=inside)
        return above, np.flatnonzero(inside)

    above, inside = zip(*sweep(mark, bits, mask, scratch=(np.int32, bool)))
    index = np.concatenate(
        [i * BLOCK + found for i, found in enumerate(inside)]
    )
    return mask, sum(above) - index.size, index


def _mark_around(bits, count, pivot):
    """Marks the largest magnitudes. Fast if the threshold is the pivot."""
    mask = np.empty(bits.size, bool)

    def mark(block, out, found):
        np.bitwise_and(block, MAGNITUDE_BITS, out=found)
        _check_finite(found)
        return _marked(np.greater, found, pivot, out)

    larger = sum(sweep(mark, bits, mask, scratch=(np.int32,)))
    if count <= larger:
        index = np.flatnonzero(mask)
        mask[index[~_mark_part(bits, index, count)]] = False
        return mask
    missing = count - larger - _mark_equal(mask, bits, count - larger, pivot)
    if missing:
        index = np.flatnonzero((bits & MAGNITUDE_BITS) < pivot)
        mask[index[_mark_part(bits, index, missing)]] = True
    return mask


def _mark_equal(mask, bits, count, pivot):
    """Marks the first magnitudes equal to `pivot`, and returns how many."""
    marked = 0
    for start in range(0, bits.size, BLOCK):
        out = mask[start : start + BLOCK]
        equal = (bits[start : start + BLOCK] & MAGNITUDE_BITS) == pivot
        number = np.count_nonzero(equal)
        if number > count - marked:
            out[np.flatnonzero(equal)[: count - marked]] = True
            return count
        out |= equal
        marked += number
    return marked


def _marked(compare, values, bound, mask):
    """Writes a comparison into a mask, and returns how many are true."""
    return np.count_nonzero(compare(values, bound, out=mask))
