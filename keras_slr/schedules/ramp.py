"""Polynomial growth from zero to one, fast at first."""

import dataclasses

from keras_slr.record import Record
from keras_slr.record import register


@register
@dataclasses.dataclass(frozen=True)
class Ramp(Record):
    """Grows as `1 - (1 - progress / until)^power`, then stays at one.

    A power of three gives the ramp of gradual pruning (Zhu and Gupta,
    arXiv 1710.01878, eq. 1).

    Args:
        until: Float in `(0, 1]`, the fraction of the run at which the ramp
            reaches one. Defaults to `1.0`.
        power: Positive float. Defaults to `3.0`.

    Raises:
        ValueError: If a number is outside its range.

    Examples:
        >>> [Ramp()(progress) for progress in (0, 0.5, 1)]
        [0.0, 0.875, 1.0]
    """

    until: float = 1.0
    power: float = 3.0

    def __post_init__(self):
        super().__post_init__()
        if not 0 < self.until <= 1:
            raise ValueError(
                "Expected `until` of a Ramp to be a fraction of the run in "
                f"(0, 1]. Received: until={self.until}."
            )
        if self.power <= 0:
            raise ValueError(
                "Expected a positive `power` of a Ramp. Received: "
                f"power={self.power}."
            )

    def __call__(self, progress: float) -> float:
        """Returns the value at `progress`, a fraction in `[0, 1]`."""
        missing = max(1.0 - progress / self.until, 0.0)
        return 1.0 - missing**self.power
