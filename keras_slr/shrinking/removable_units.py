"""Decides which units are cut."""

import collections
import dataclasses
import math
import numbers

import numpy as np

from keras_slr.shrinking.constants import is_used
from keras_slr.shrinking.constants import total
from keras_slr.shrinking.groups import Partition
from keras_slr.shrinking.groups import analyse
from keras_slr.shrinking.trace import Trace


@dataclasses.dataclass(frozen=True)
class Cut:
    """The units of a model that are cut.

    Attributes:
        trace: `Trace` of the model.
        partition: `Partition` of the trace.
        removed: Boolean array over the units of all groups, and `False` at
            the end, for units of no group, whose number is -1.
        waits: Dict from the index of a group to the reason why some of its
            constant units stay.
    """

    trace: Trace
    partition: Partition
    removed: np.ndarray
    waits: dict

    def kept(self, owner, axis):
        """Returns which positions along an axis stay.

        Args:
            owner: Keras variable, layer or tensor.
            axis: Integer.

        Returns:
            Boolean array, or `None` if no units lie along the axis.
        """
        site = self.trace.sites.get((id(owner), axis))
        return None if site is None else ~self.is_removed(site.units)

    def width(self, owner, axis, full=None):
        """Returns how many positions along an axis stay.

        Args:
            owner: Keras variable, layer or tensor.
            axis: Integer.
            full: Integer, the number where no units lie along the axis.
                Defaults to the size of the axis of the owner.
        """
        kept = self.kept(owner, axis)
        if kept is None:
            return owner.shape[axis] if full is None else full
        return int(kept.sum())

    def is_removed(self, units):
        """Returns a boolean array for an array of units of the trace."""
        return self.removed[self.partition.numbers(units)]

    def removed_from(self, group):
        """Returns the units that are cut from a group, by its index."""
        start = self.partition.starts[group]
        size = self.partition.groups[group].size
        return np.flatnonzero(self.removed[start : start + size])

    def folds(self):
        """Returns what constants of removed units add to later layers.

        Returns:
            List of pairs of a `Read` and a float array with one entry per
            output of its kernel.
        """
        folds = []
        for read in self.trace.reads.values():
            gone = self.is_removed(read.units) & ~np.isnan(read.constants)
            if read.folds and np.any(read.constants[gone]):
                constants = np.where(gone, read.constants, 0.0)
                folds.append((read, total(read.weights, constants[:, None])))
        return folds


def plan(model, round_to=None):
    """Decides which units of a model can go without changing its outputs.

    A unit can go if every kernel that reads it gets a constant that can move
    to the bias, or multiplies it by zero.

    Args:
        model: Built Functional or Sequential model.
        round_to: Integer, see `shrink`. Defaults to `None`.

    Returns:
        `Cut`.
    """
    whole = isinstance(round_to, numbers.Integral)
    whole = whole and not isinstance(round_to, bool)
    if round_to is not None and not (whole and round_to > 0):
        raise ValueError(
            "Expected `round_to` to be a positive integer or `None`. "
            f"Received: round_to={round_to}."
        )
    trace, partition = analyse(model)
    held = np.zeros(partition.count + 1, bool)
    held[-1] = True
    for start, group in zip(partition.starts, partition.groups):
        held[start : start + group.size] = group.reason is not None
    uses = [
        (
            partition.numbers(read.units),
            partition.numbers(read.outputs),
            is_used(read.weights),
            _folds(read),
        )
        for read in trace.reads.values()
    ]
    sites = [
        np.unique(partition.numbers(site.units))
        for site in trace.sites.values()
        if len(site.units)
    ]
    # A unit that stays, so that no axis becomes empty or for rounding, keeps
    # the units that feed it.
    spared = {}
    while True:
        removed = _removable(uses, held)
        more = _to_hold(removed, sites, partition, round_to)
        if not more:
            reasons = _constants_held(trace, partition, held, removed) | spared
            waits = _by_group(partition, reasons)
            return Cut(trace, partition, removed, waits)
        spared |= more
        held[list(more)] = True


def _folds(read):
    """Returns for which inputs of a kernel a constant can move."""
    if read.folds:
        return ~np.isnan(read.constants)
    return read.constants == 0.0


def _removable(uses, held):
    """Returns which units can go, given those that must stay."""
    removed = np.zeros_like(held)
    while True:
        stays = held.copy()
        for units, outputs, used, folds in uses:
            needed = np.any(used[:, ~removed[outputs]], axis=1)
            stays[units[needed & ~folds]] = True
        if np.array_equal(removed, ~stays):
            return removed
        removed = ~stays


def _to_hold(removed, sites, partition, round_to):
    """Returns why some of the removed units must stay after all, by number."""
    empty = [units[0] for units in sites if removed[units].all()]
    if empty or round_to is None:
        return dict.fromkeys(empty, "so that no layer is empty")
    more = []
    for start, group in zip(partition.starts, partition.groups):
        gone = start + np.flatnonzero(removed[start : start + group.size])
        kept = group.size - len(gone)
        more.extend(gone[: math.ceil(kept / round_to) * round_to - kept])
    return dict.fromkeys(more, f"for round_to={round_to}")


def _constants_held(trace, partition, held, removed):
    """Returns why units that hold a constant stay, by number."""
    reasons = {}
    for read in trace.reads.values():
        numbers = partition.numbers(read.units)
        dead = ~np.isnan(read.constants) & ~_folds(read)
        dead &= ~held[numbers] & ~removed[numbers]
        reasons |= dict.fromkeys(
            numbers[dead],
            f"with a constant that `{read.layer.name}` cannot take into a bias",
        )
    return reasons


def _by_group(partition, reasons):
    """Returns the reasons of units as those of their groups."""
    waits = {}
    for i, (start, group) in enumerate(zip(partition.starts, partition.groups)):
        ours = [r for n, r in reasons.items() if 0 <= n - start < group.size]
        if ours:
            counts = collections.Counter(ours)
            waits[i] = "; ".join(
                f"{count} {'stays' if count == 1 else 'stay'} {reason}"
                for reason, count in counts.items()
            )
    return waits
