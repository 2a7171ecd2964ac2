"""A value that never changes."""

import dataclasses

from keras_slr.record import Record
from keras_slr.record import register


@register
@dataclasses.dataclass(frozen=True)
class Constant(Record):
    """The same value at every moment of the run.

    Args:
        value: Float, the value.
    """

    value: float

    def __call__(self, progress):
        """Returns the value at `progress`, a fraction in `[0, 1]`."""
        del progress
        return self.value
