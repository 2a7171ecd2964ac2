"""Units that extend over several weights, such as filters and their biases."""

import dataclasses

import numpy as np
from keras import ops

from keras_slr.backend import apply_mask
from keras_slr.projections import keep_count
from keras_slr.shrinking import round_width
from keras_slr.shrinking.round_width import TILE
from keras_slr.structures.structure import Structure


@dataclasses.dataclass(frozen=True)
class UnitLabels:
    """Which unit each slice of one weight belongs to.

    Attributes:
        axes: Tuple of integers, adjacent axes of the weight that index the
            slices.
        labels: Integer array of the shape of these axes: the unit of each
            slice, or `-1` if the slice belongs to none of these units.
        scored: Boolean, whether the weight counts in the units' norms. If
            not, it only becomes zero with them. Defaults to `True`.
    """

    axes: tuple
    labels: object
    scored: bool = True


@dataclasses.dataclass(frozen=True)
class CoupledUnits(Structure):
    """A structure bound to coupled weights by a label for every slice.

    All slices with the same label make one unit; its score is their joint
    norm.

    Attributes:
        size: Integer, the number of units.
        members: Tuple of `UnitLabels`, one per weight.
        statistics: Tuple of pairs of a Keras variable and its `UnitLabels`:
            variables that are not trained, such as moving means. `finish`
            sets them to zero for dead units.
        round_to: See `Filter`.
        readers: Tuple of pairs of a Keras variable and its `UnitLabels`:
            weights that read the units. Pruning leaves them as they are;
            `shrink` removes their slices for dead units.
        least: Integer, `0` if other units keep every layer from being empty.
    """

    size: int
    members: tuple
    statistics: tuple = ()
    round_to: object = None
    readers: tuple = ()
    least: int = 1

    freeze_at = 0.2
    metric = 0.0

    def units(self, *weights):
        del weights
        return self.size

    def rounded(self, rate, *weights):
        width = keep_count(self.size, rate, self.least)
        if self.round_to is None or width == self.size:
            return rate
        if not self.least:
            # Other units of the same layers fill tiles by themselves.
            width -= width % (
                TILE if self.round_to == "auto" else self.round_to
            )
        elif self.round_to == "auto":
            width = round_width(width, self.size)
        elif width > self.round_to:
            width -= width % self.round_to
        return 1.0 - width / self.size

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
        # Slices of other units are not these units' to remove.
        kept = xp.concatenate([kept, xp.ones((1,), "bool")])
        return [
            self._mask(xp, kept, member, weight.shape)
            for member, weight in zip(self.members, weights)
        ]

    def removed(self, share, *weights):
        members = [(w.variable, m) for w, m in zip(weights, self.members)]
        return [
            (variable, member.axes, share * float(np.mean(member.labels >= 0)))
            for variable, member in (*members, *self.statistics, *self.readers)
        ]

    def finish(self, *weights):
        values = [ops.cast(w.variable.value, "float32") for w in weights]
        alive = self.scores(ops, values, *weights) > 0
        alive = ops.concatenate([alive, ops.ones((1,), "bool")])
        for variable, member in self.statistics:
            shape = tuple(variable.shape)
            apply_mask(variable, self._mask(ops, alive, member, shape))

    def _mask(self, xp, kept, member, shape):
        along = [
            size if axis in member.axes else 1
            for axis, size in enumerate(shape)
        ]
        mask = xp.reshape(xp.take(kept, self._ids(member)), along)
        return xp.broadcast_to(mask, shape)

    def _ids(self, member):
        labels = np.reshape(member.labels, -1)
        return np.where(labels < 0, self.size, labels).astype("int32")


def _sums(xp, values, ids, size):
    """Sums the values of each id below `size`."""
    if xp is np:
        return np.bincount(ids, values, size + 1)[:size].astype("float32")
    return xp.segment_sum(values, ids, size + 1)[:size]
