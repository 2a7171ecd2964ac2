"""The units along an axis of a tensor."""

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class Labels:
    """The units along one axis of a tensor.

    Attributes:
        axis: Integer, the axis, with the batch as axis 0.
        units: Integer array with one entry per position along the axis: the
            number of the unit there.
        constants: Float array with one entry per position: the constant
            value there, or NaN if the value depends on the model's inputs.
    """

    axis: int
    units: np.ndarray
    constants: np.ndarray

    def with_constants(self, constants):
        """Returns the same units with other constants."""
        constants = np.broadcast_to(
            np.asarray(constants, dtype=np.float64), self.units.shape
        )
        # An infinite constant is no number to calculate with.
        known = np.isfinite(constants)
        return dataclasses.replace(
            self, constants=np.where(known, constants, np.nan)
        )

    def on_axis(self, axis):
        """Returns the same units along another axis."""
        return dataclasses.replace(self, axis=axis)

    def at(self, positions, axis):
        """Returns the units at some positions, along another axis."""
        return Labels(axis, self.units[positions], self.constants[positions])


@dataclasses.dataclass(frozen=True)
class Unfollowed:
    """A tensor none of whose axes can be cut.

    Attributes:
        source: String, where the tensor comes from.
    """

    source: str
