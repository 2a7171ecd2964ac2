"""Dependency groups: the units that have to be cut together."""

import dataclasses

import keras
import numpy as np

from keras_slr.backend import to_host
from keras_slr.models.checks import check_built
from keras_slr.models.checks import check_model
from keras_slr.models.graph import check_graph
from keras_slr.shrinking.rules import RULES
from keras_slr.shrinking.trace import INPUT
from keras_slr.shrinking.trace import OUTPUT
from keras_slr.shrinking.trace import VECTOR
from keras_slr.shrinking.trace import Trace

_PARTS = {OUTPUT: " filters", INPUT: " inputs"}


@dataclasses.dataclass(frozen=True)
class Member:
    """Where the units of a group lie in one weight.

    Attributes:
        variable: Keras variable.
        axis: Integer, the axis that is cut.
        role: String: `"output"` for a kernel that writes the units,
            `"input"` for one that reads them, `"vector"` for biases, scales
            and offsets, which must be zero for a unit to be, and `"passive"`
            for other weights that are cut along.
        units: Integer array with one entry per position along the axis: the
            index of the unit in its group, or -1 for a position that is not
            of this group.
    """

    variable: keras.Variable
    axis: int
    role: str
    units: np.ndarray

    def positions(self, indices):
        """Returns the slice of the variable that belongs to some units."""
        chosen = np.isin(self.units, indices)
        return (slice(None),) * self.axis + (chosen,)

    def __str__(self):
        layer = self.variable.path.rpartition("/")[0]
        return layer + _PARTS.get(self.role, "")


@dataclasses.dataclass(frozen=True)
class Group:
    """Units that are written by the same kernels.

    A unit is a filter, channel, neuron or head. All slices of a unit are cut
    together, whatever other units of the group do.

    Attributes:
        name: String.
        size: Integer, number of units.
        members: Tuple of `Member`, in the order of the graph.
        reason: String, why the group cannot be cut, or `None`.
    """

    name: str
    size: int
    members: tuple
    reason: str | None

    @property
    def parts(self):
        """List of strings, what the group takes from the layers."""
        parts = dict.fromkeys(str(member) for member in self.members)
        # The bias goes without saying.
        return [p for p in parts if p + _PARTS[OUTPUT] not in parts]

    def __str__(self):
        left = f" (left whole: {self.reason})" if self.reason else ""
        parts = ", ".join(self.parts)
        return f"{self.name}: {self.size} units: {parts}{left}"


class Partition:
    """The units of a trace, sorted into groups.

    Attributes:
        groups: List of `Group`, in the order of the graph.
        starts: List of integers, the number of the first unit of each group;
            the numbers of its other units follow.
        count: Integer, the number of units in all groups.
    """

    def __init__(self, trace):
        self._roots = trace.roots()
        producers = _producers(trace, self._roots)
        self.starts = []
        self.count = 0
        self._numbers = np.full(len(self._roots), -1)
        for units in producers:
            self.starts.append(self.count)
            self._numbers[units] = self.count + np.arange(len(units))
            self.count += len(units)
        members = [[] for _ in producers]
        for site in trace.sites.values():
            if not isinstance(site.owner, keras.Variable):
                continue
            numbers = self.numbers(site.units)
            for group in np.unique(self._group_of(numbers)):
                if group < 0:
                    continue
                of_group = self._group_of(numbers) == group
                units = np.where(of_group, numbers - self.starts[group], -1)
                members[group].append(
                    Member(site.owner, site.axis, site.role, units)
                )
        reasons = [None] * len(producers)
        pinned = np.array(sorted(trace.reasons), int)
        for unit, group in zip(pinned, self._group_of(self.numbers(pinned))):
            if group >= 0 and reasons[group] is None:
                reasons[group] = trace.reasons[unit]
        self.groups = [
            Group(f"group {i}", len(units), tuple(members[i]), reasons[i])
            for i, units in enumerate(producers)
        ]

    def numbers(self, units):
        """Returns the numbers of units of a trace, -1 for those of no group."""
        return self._numbers[self._roots[units]]

    def _group_of(self, numbers):
        groups = np.searchsorted(self.starts, numbers, side="right") - 1
        return np.where(numbers < 0, -1, groups)


def _producers(trace, roots):
    """Returns the units of each group: those with a kernel in common.

    Returns:
        List of integer arrays of roots, in the order of the kernels.
    """
    kernels = [
        roots[site.units]
        for site in trace.sites.values()
        if site.role == OUTPUT
    ]
    groups = []
    group_of = {}
    for units in kernels:
        met = sorted({group_of[u] for u in units if u in group_of})
        group = met[0] if met else len(groups)
        if not met:
            groups.append([])
        for other in met[1:]:
            groups[group] += groups[other]
            group_of |= dict.fromkeys(groups[other], group)
            groups[other] = []
        new = [u for u in dict.fromkeys(units.tolist()) if u not in group_of]
        groups[group] += new
        group_of |= dict.fromkeys(new, group)
    return [np.array(units) for units in groups if units]


def analyse(model):
    """Returns the `Trace` and the `Partition` of a model."""
    check_model(model)
    check_built(model)
    check_graph(model)
    trace = Trace.of(model, RULES)
    return trace, Partition(trace)


def dependency_groups(model: keras.Model) -> list[Group]:
    """Finds the units of a model that have to be cut together.

    For example, the filters of two layers whose outputs are added form one
    group with the biases and norms behind them and with the slices of all
    kernels that read the sum. `unit_norms` scores the units of a group,
    `zero_units` sets some to zero, and `keras_slr.shrink` cuts them.

    Args:
        model: Built Functional or Sequential model.

    Returns:
        List of `Group`, in the order of the graph. A group that cannot be cut
        says why in `reason`.

    Raises:
        TypeError: If the model is not a Keras 3 model.
        ValueError: If the model is not built or its graph is not known.

    Example:

    ```python
    for group in keras_slr.dependency_groups(model):
        print(group)
    ```
    """
    return analyse(model)[1].groups


def unit_norms(group):
    """Returns the norms of the units of a group.

    Args:
        group: `Group`.

    Returns:
        Float array of shape `(group.size,)`: the square root of the sum of
        squares of a unit's entries in the `"output"` members.
    """
    squares = np.zeros(group.size)
    for member in group.members:
        if member.role != OUTPUT:
            continue
        w = np.moveaxis(to_host(member.variable), member.axis, 0)
        sums = np.square(w, dtype=np.float64).reshape(len(w), -1).sum(axis=1)
        ours = member.units >= 0
        np.add.at(squares, member.units[ours], sums[ours])
    return np.sqrt(squares)


def zero_units(group, indices):
    """Sets units to zero, in place.

    The slices that write the units become zero: those of kernels and biases,
    and the scales, offsets and moving means of norms. The slices that read
    the units do not change.

    Args:
        group: `Group`.
        indices: Integer array of units in `[0, group.size)`.
    """
    for member in group.members:
        if member.role in (OUTPUT, VECTOR):
            w = np.array(keras.ops.convert_to_numpy(member.variable))
            w[member.positions(indices)] = 0
            member.variable.assign(w)
