"""Medians and quartiles of repeated measurements."""

import dataclasses
import statistics
from collections.abc import Sequence


@dataclasses.dataclass(frozen=True)
class Spread:
    """Median and quartiles of some samples, in their unit.

    Attributes:
        low: Float, the first quartile.
        median: Float.
        high: Float, the third quartile.
    """

    low: float
    median: float
    high: float

    @classmethod
    def of(cls, samples: Sequence[float]) -> "Spread":
        """Returns the `Spread` of two or more numbers."""
        return cls(*statistics.quantiles(samples, n=4, method="inclusive"))

    def text(self, unit: float = 1.0) -> str:
        """Returns it as `median (low to high)` in multiples of `unit`."""
        median, low, high = (
            f"{value / unit:.3g}"
            for value in (self.median, self.low, self.high)
        )
        return f"{median} ({low} to {high})"


def times_faster(base: Sequence[float], other: Sequence[float]) -> Spread:
    """Compares samples that were taken in turns.

    The two samples of a pair are neighbours in time. A slow phase of the
    machine affects both and cancels out in their ratio.

    Args:
        base: List of seconds.
        other: List of seconds of as many turns.

    Returns:
        `Spread` of the ratios `base / other`.
    """
    return Spread.of([a / b for a, b in zip(base, other, strict=True)])
