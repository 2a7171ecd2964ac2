"""Evenly spaced levels."""

import dataclasses

from keras_slr.grids.grid import Grid
from keras_slr.grids.registry import register_grid
from keras_slr.record import PACKAGE


@register_grid("quantize", PACKAGE)
@dataclasses.dataclass(frozen=True)
class Quantize(Grid):
    """Integers of a few bits, times a step.

    The integers are `-(2**(bits-1) - 1)` to `2**(bits-1) - 1`: symmetric
    about zero, without the most negative integer, as in TFLite's integer
    weights.

    Args:
        bits: Integer from 2 to 8. Defaults to `4`.
        per: See `Grid`. Defaults to `"channel"`.

    Raises:
        ValueError: If an argument is outside its range.
    """

    bits: int = 4
    per: str = "channel"

    def __post_init__(self):
        super().__post_init__()
        if not 2 <= self.bits <= 8:
            raise ValueError(
                "Expected `bits` of Quantize to be from 2 to 8. Received: "
                f"bits={self.bits}; `Binary()` has one bit."
            )

    @property
    def levels(self):
        return tuple(float(k) for k in range(2 ** (self.bits - 1)))

    def nearest_level(self, xp, x):
        top = self.levels[-1]
        return xp.clip(xp.round(x), -top, top)
