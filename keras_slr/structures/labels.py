"""Units that run through several weights, such as filters and their biases."""

import dataclasses

import numpy as np

from keras_slr.structures.structure import Structure


@dataclasses.dataclass(frozen=True)
class Member:
    """How units lie in one weight.

    Attributes:
        axes: Tuple of integers, neighbouring axes of the weight along which
            the units lie.
        labels: Integer array of the shape of these axes, the unit of each
            place, `-1` where it is none of these units.
        scored: Boolean, whether the weight counts in the units' norms; it
            only follows the others if not.
    """

    axes: tuple
    labels: object
    scored: bool = True


@dataclasses.dataclass(frozen=True)
class Labels(Structure):
    """A structure bound to coupled weights: a label for every slice.

    A unit is made of all slices with its label; its score is their joint
    norm.

    Attributes:
        size: Integer, the number of units.
        members: Tuple of `Member`, one per weight.
    """

    size: int
    members: tuple

    def units(self, *weights):
        del weights
        return self.size

    def scores(self, xp, values, *weights):
        total = 0.0
        for value, member, weight in zip(values, self.members, weights):
            if member.scored:
                others = tuple(
                    axis
                    for axis in range(len(weight.shape))
                    if axis not in member.axes
                )
                squares = xp.reshape(xp.sum(value * value, others), (-1,))
                total = total + _sums(xp, squares, self._ids(member), self.size)
        return xp.sqrt(total)

    def entries(self, xp, kept, *weights):
        # Places of other units stay, as far as these units go.
        kept = xp.concatenate([kept, xp.ones((1,), "bool")])
        masks = []
        for member, weight in zip(self.members, weights):
            shape = [
                size if axis in member.axes else 1
                for axis, size in enumerate(weight.shape)
            ]
            mask = xp.reshape(xp.take(kept, self._ids(member)), shape)
            masks.append(xp.broadcast_to(mask, weight.shape))
        return masks

    def _ids(self, member):
        labels = np.reshape(member.labels, -1)
        return np.where(labels < 0, self.size, labels).astype("int32")


def _sums(xp, values, ids, size):
    """Sums the values of each id below `size`."""
    if xp is np:
        return np.bincount(ids, values, size + 1)[:size].astype("float32")
    return xp.segment_sum(values, ids, size + 1)[:size]
