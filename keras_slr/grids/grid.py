"""The base class of grids: levels times a step."""

from typing import Any

from keras_slr.record import Record

PER = ("channel", "tensor")


class Grid(Record):
    """The values that the kept entries of a kernel may have.

    They are the `levels` and their negatives, times a step. Each output
    channel, or each kernel, has its own step, fitted to its weights. A kept
    entry that is exactly zero stays zero.

    A subclass is a frozen dataclass that defines `levels`. It may override
    `nearest_level` with a faster rule, such as rounding.

    Attributes:
        levels: Tuple of floats, the magnitudes, ascending, in units of the
            step. The first is zero if kept entries may become zero.
        per: `"channel"`, a step for each output channel, or `"tensor"`, one
            for the whole kernel. A kernel whose output axes are unknown also
            has a single step. Defaults to `"channel"`.
    """

    levels: Any = ()
    per: Any = "channel"

    def __post_init__(self):
        super().__post_init__()
        if self.per not in PER:
            raise ValueError(
                "Expected `per` to be 'channel' or 'tensor', whichever gets "
                f"its own step. Received: per={self.per!r}."
            )

    def nearest_level(self, xp: Any, x: Any) -> Any:
        """Returns the level nearest to each entry, in units of the step.

        Args:
            xp: `numpy` or `keras.ops`.
            x: Float32 array of any shape, in units of the step.

        Returns:
            Float32 array of the same shape.
        """
        magnitude = xp.absolute(x)
        nearest = xp.full_like(x, self.levels[0])
        for low, high in zip(self.levels, self.levels[1:]):
            above = magnitude > (low + high) / 2
            nearest = xp.where(above, xp.full_like(x, high), nearest)
        # An entry of exactly zero has no sign and stays zero.
        return xp.sign(x) * nearest

    @property
    def largest(self) -> int:
        """The largest number of different values with one step."""
        return 2 * len(self.levels) - (self.levels[0] == 0)
