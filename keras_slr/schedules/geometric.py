"""Geometric growth over a fraction of the run."""

import dataclasses

from keras_slr.record import Record
from keras_slr.record import register


@register
@dataclasses.dataclass(frozen=True)
class Geometric(Record):
    """Grows from `start` to `end` by equal ratios, then stays at `end`.

    Args:
        start: Positive float, the value at the beginning of the run.
        end: Positive float, the value from `until` on.
        until: Float in `(0, 1]`, the fraction of the run at which `end` is
            reached. Defaults to `1.0`.

    Raises:
        ValueError: If a value is not positive or `until` is not in `(0, 1]`.

    Examples:
        >>> [Geometric(1, 100)(progress) for progress in (0, 0.5, 1)]
        [1.0, 10.0, 100.0]
    """

    start: float
    end: float
    until: float = 1.0

    def __post_init__(self):
        super().__post_init__()
        if self.start <= 0 or self.end <= 0:
            raise ValueError(
                "Expected `start` and `end` of a Geometric schedule to be "
                f"positive. Received: start={self.start}, end={self.end}."
            )
        if not 0 < self.until <= 1:
            raise ValueError(
                "Expected `until` of a Geometric schedule to be a fraction "
                f"of the run in (0, 1]. Received: until={self.until}."
            )

    def __call__(self, progress: float) -> float:
        """Returns the value at `progress`, a fraction in `[0, 1]`."""
        grown = min(progress / self.until, 1.0)
        return self.start * (self.end / self.start) ** grown
