"""Levels that halve from one to the next."""

import dataclasses

from keras_slr.grids.grid import Grid
from keras_slr.grids.registry import register_grid
from keras_slr.record import PACKAGE


@register_grid("powers_of_two", PACKAGE)
@dataclasses.dataclass(frozen=True)
class PowersOfTwo(Grid):
    """Zero and powers of two, times a step: products become shifts.

    The magnitudes are `1, 1/2, 1/4, ...` of the largest one. Incremental
    network quantization (arXiv 1702.03044) has such levels; its largest one
    is a power of two. Here a least-squares step scales all levels. That is
    our reading.

    Args:
        bits: Integer from 2 to 5. There are `2**bits - 1` values. Defaults
            to `4`, whose smallest magnitude is 1/64 of the largest.
        per: See `Grid`. Defaults to `"channel"`.

    Raises:
        ValueError: If an argument is outside its range.
    """

    bits: int = 4
    per: str = "channel"

    def __post_init__(self):
        super().__post_init__()
        if not 2 <= self.bits <= 5:
            raise ValueError(
                "Expected `bits` of PowersOfTwo to be from 2 to 5, because "
                "more bits only add levels below 2**-14 of the largest. "
                f"Received: bits={self.bits}."
            )

    @property
    def levels(self):
        count = 2 ** (self.bits - 1) - 1
        return (0.0, *(2.0**-i for i in reversed(range(count))))
