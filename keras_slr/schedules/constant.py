"""A constant schedule."""

import dataclasses

from keras_slr.record import Record
from keras_slr.record import register


@register
@dataclasses.dataclass(frozen=True)
class Constant(Record):
    """Returns the same value throughout the run.

    Args:
        value: Positive float, the value.

    Raises:
        ValueError: If the value is not positive.
    """

    value: float

    def __post_init__(self):
        super().__post_init__()
        if self.value <= 0:
            raise ValueError(
                "Expected the value of a Constant schedule to be positive. "
                f"Received: value={self.value}."
            )

    def __call__(self, progress: float) -> float:
        """Returns the value at `progress`, a fraction in `[0, 1]`."""
        del progress
        return self.value
