"""The set `S_n` of sparse tensors, and the projection onto it.

A constraint divides the entries of a weight, or of several coupled weights,
into units; the entries of a unit are kept or become zero together. The nearest
point of `S_n` keeps the units of largest score. For units without entries in
common, the score is the Euclidean norm; other structures say how they score.
"""

import dataclasses

import numpy as np

from keras_slr.projections import keep_count
from keras_slr.projections import keep_mask

# Score of units that are kept whatever the scores of the others.
ALWAYS = 3e38


@dataclasses.dataclass(frozen=True)
class Constraint:
    """The set of weights in which a fraction `rate` of all units is zero.

    Attributes:
        structure: `Structure` that defines the units.
        weights: Tuple of `selection.Weight`, several if they are coupled.
        rate: Float in `[0, 1)`, or `1.0` where no unit has to stay.
    """

    structure: object
    weights: tuple
    rate: float

    @property
    def units(self):
        """The number of units."""
        return self.structure.units(*self.weights)

    def count(self, rate):
        """Returns how many units stay at `rate`."""
        return keep_count(self.units, rate, self.structure.least)

    @property
    def idle(self):
        """String, why a rate above zero removes no unit, or `None`."""
        units, least = self.units, self.structure.least
        if self.rate == 0 or self.count(self.rate) < units:
            return None
        if units <= least:
            return "it has a single unit, which has to stay"
        return f"the rate removes none of its {units} units"

    def masks(self, xp, select, values, count):
        """Returns masks of the entries that the projection keeps.

        Args:
            xp: `numpy` or `keras.ops`.
            select: Function of a vector and an integer `count` that returns a
                boolean mask of the `count` entries of largest magnitude:
                `projections.keep_mask` for NumPy, or
                `projections.bisection.keep_mask`.
            values: List of float32 arrays to project, one per weight, with
                the weights' shapes.
            count: Integer, the number of units to keep.

        Returns:
            List of boolean arrays, one per weight, with the same shapes.
        """
        scores = self.structure.scores(xp, values, *self.weights)
        kept = select(scores, count)
        return self.structure.entries(xp, kept, *self.weights)

    def zero_share(self, xp, values):
        """Returns the share of the units that are zero.

        It is `0.0` if all weights are zero, as in a new layer, and if a unit
        of score zero has an entry that is not, such as the bias of a filter.

        Args:
            xp: See `masks`.
            values: See `masks`.
        """
        kept = self.structure.scores(xp, values, *self.weights) != 0
        masks = self.structure.entries(xp, kept, *self.weights)
        alive = [value != 0 for value in values]
        if not any(map(bool, map(xp.any, alive))) or any(
            bool(xp.any(xp.logical_and(entries, xp.logical_not(mask))))
            for entries, mask in zip(alive, masks)
        ):
            return 0.0
        return 1.0 - int(xp.sum(xp.where(kept, 1, 0))) / self.units

    def removed(self):
        """Returns what becomes removable, see `Structure.removed`."""
        share = 1.0 - self.count(self.rate) / self.units
        return self.structure.removed(share, *self.weights)

    def finish(self):
        """Completes the pruning, see `Structure.finish`."""
        self.structure.finish(*self.weights)

    def nearest(self, values):
        """Returns masks of the entries to keep of a list of NumPy arrays."""
        values = [np.asarray(value, np.float32) for value in values]
        return self.masks(np, keep_mask, values, self.count(self.rate))


@dataclasses.dataclass(frozen=True)
class Refusal:
    """The reason why a weight cannot carry a structure.

    Attributes:
        value: String, shown in reports and errors.
    """

    value: str


def numbered(constraints):
    """Lists the weights of all constraints once.

    Args:
        constraints: List of `structures.Constraint`.

    Returns:
        List of `selection.Weight`, list of the rates of their first
        constraints, and list of pairs of a constraint and the indices of its
        weights.
    """
    indices, weights, rates, sets = {}, [], [], []
    for constraint in constraints:
        for weight in constraint.weights:
            if id(weight.variable) not in indices:
                indices[id(weight.variable)] = len(weights)
                weights.append(weight)
                rates.append(constraint.rate)
        sets.append(
            (constraint, [indices[id(w.variable)] for w in constraint.weights])
        )
    return weights, rates, sets
