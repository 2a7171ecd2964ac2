"""The spectrum of a layer: a histogram of the scores of its units.

Allocations with one threshold for all layers compare millions of scores.
Sorting these takes a hundred times as long as counting them. So they are
counted by the leading bits of their float32 pattern: 2048 levels for each
power of two.
"""

import dataclasses
import functools

import numpy as np

# Trailing bits of a float32 that levels leave out.
_SHIFT = 12
_LEVELS = 1 << (31 - _SHIFT)
# Entries that are counted at a time, which bounds the memory.
_BLOCK = 1 << 20
# No level holds more than this share of a layer. Entries of equal magnitude,
# such as those of a grid, are thus kept in part.
_LARGEST = 1 / 64


@dataclasses.dataclass(frozen=True, eq=False)
class Spectrum:
    """The levels of a layer's scores, the largest first.

    Attributes:
        counts: NumPy int64 vector, the units at each level, at least one.
        squares: NumPy float64 vector, the mean square of their scores.
        parts: NumPy float64 vector: if equal scores are split into several
            levels, the share of them in earlier levels.
    """

    counts: np.ndarray
    squares: np.ndarray
    parts: np.ndarray

    @functools.cached_property
    def total(self) -> int:
        """Number of units."""
        return int(self.counts.sum())

    @functools.cached_property
    def scores(self) -> np.ndarray:
        """NumPy float64 vector, the root mean square at each level."""
        return np.sqrt(self.squares)

    @functools.cached_property
    def not_smaller(self) -> np.ndarray:
        """NumPy float64 vector, the sum of squares down to each level."""
        return np.cumsum(self.squares * self.counts)


def spectrum_of(scores: np.ndarray) -> Spectrum:
    """Returns the `Spectrum` of a vector of non-negative scores."""
    bits = np.ascontiguousarray(scores, "float32").reshape(-1).view("uint32")
    counts: np.ndarray = np.zeros(_LEVELS, "int64")
    sums = np.zeros(_LEVELS)
    for start in range(0, bits.size, _BLOCK):
        block = bits[start : start + _BLOCK]
        level = block >> _SHIFT
        least = int(level.min())
        level -= np.uint32(least)
        of_block = np.bincount(level)
        present = slice(least, least + len(of_block))
        counts[present] += of_block
        square = np.square(block.view("float32"), dtype="float64")
        sums[present] += np.bincount(level, square)
    filled = np.flatnonzero(counts)[::-1]
    counts = counts[filled]
    squares = sums[filled] / counts
    pieces = np.ceil(counts / max(bits.size * _LARGEST, 1.0)).astype("int64")
    level = np.repeat(np.arange(len(counts)), pieces)
    number = np.arange(len(level)) - (np.cumsum(pieces) - pieces)[level]
    starts = number * counts[level] // pieces[level]
    ends = (number + 1) * counts[level] // pieces[level]
    return Spectrum(ends - starts, squares[level], number / pieces[level])
