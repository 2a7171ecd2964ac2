"""What the units of a model compute, at every kernel that reads them.

The walk goes through the graph as `shrink` does, and takes from its trace
where units lie. It follows fewer operations: those that treat each unit by
itself, in a way that is known.
"""

import dataclasses

import keras
import numpy as np

from keras_slr.backend import to_host
from keras_slr.merging.moments import Moments
from keras_slr.merging.moments import joined
from keras_slr.merging.operations import HANDLERS
from keras_slr.merging.operations import OTHER
from keras_slr.merging.operations import left
from keras_slr.merging.operations import side_by_side
from keras_slr.models.graph import graph_of
from keras_slr.models.graph import run
from keras_slr.shrinking.groups import analyse
from keras_slr.shrinking.heads import name_of
from keras_slr.shrinking.rules import RULES
from keras_slr.shrinking.trace import Call


@dataclasses.dataclass(frozen=True)
class Reading:
    """A kernel that reads units.

    Attributes:
        variable: Keras variable.
        axis: Integer, the axis along which the units lie.
        numbers: Integer array with one entry per position along the axis:
            the number of the unit, -1 for none.
        moments: `Moments` of what it reads.
    """

    variable: keras.Variable
    axis: int
    numbers: np.ndarray
    moments: Moments


class Survey:
    """The units of one graph, and what they compute.

    Attributes:
        readings: List of `Reading`, one for each kernel.
        partition: `Partition` of the units into groups.
    """

    def __init__(self, graph):
        self._trace, self.partition = analyse(graph)
        self._reasons = {}
        self._readings = {}
        graph = graph_of(graph)
        run(graph, [OTHER] * len(graph.inputs), self._follow)

    @property
    def readings(self):
        return list(self._readings.values())

    def has(self, variable, axis):
        """Returns whether units lie along an axis of a variable."""
        return (id(variable), axis) in self._trace.sites

    def numbers(self, variable, axis):
        """Returns the number of the unit at each position along an axis."""
        site = self._trace.sites[(id(variable), axis)]
        return self.partition.numbers(site.units)

    def refusal(self, units):
        """Returns why units cannot be merged with each other, or `None`.

        Args:
            units: Integer array, numbers of units of one group.
        """
        for unit in units:
            if unit in self._reasons:
                return self._reasons[unit]
        read = [r for r in self.readings if np.isin(units, r.numbers).any()]
        for reading in read:
            path = reading.variable.path
            if not reading.variable.trainable:
                return f"is read by `{path}`, which is frozen"
            if places(reading.numbers, units) is None:
                return f"is read by `{path}` in part only"
        return None if read else "is read by no kernel that merging reaches"

    def _follow(self, node, args, kwargs):
        call = Call(node, args, kwargs)
        operation = call.operation
        if id(operation) in self._trace.opaque:
            return [OTHER] * len(call.output_shapes)
        inner = graph_of(operation)
        if inner is not None:
            return run(inner, call.inputs, self._follow)
        handler = HANDLERS.get(RULES[name_of(operation)].follow, left)
        return handler(self, call)

    def refuse(self, units, reason):
        """Notes why units cannot be merged."""
        for unit in units:
            self._reasons.setdefault(int(unit), reason)

    def rows(self, variable, axis):
        """Returns the units along an axis of a variable, and their entries.

        Returns:
            Ascending integer array of numbers, and float array of shape
            `(units, entries)`. Units in no group are left out.
        """
        numbers = self.numbers(variable, axis % len(variable.shape))
        units = np.unique(numbers[numbers >= 0])
        w = np.moveaxis(to_host(variable).astype(np.float64), axis, 0)
        at = places(numbers, units)
        if at is None:
            self.refuse(units, f"lies unevenly in `{variable.path}`")
            return units, np.zeros((len(units), 1))
        return units, w[at].reshape(len(units), at.shape[1] * w[:1].size)

    def write(self, kernel, axis, bias):
        """Returns the moments of the units that a kernel writes."""
        units, filters = self.rows(kernel, axis)
        numbers = self.numbers(kernel, axis % len(kernel.shape))
        if np.sum(numbers >= 0) > len(units):
            self.refuse(units, f"has several filters of `{kernel.path}`")
            return OTHER
        x = Moments.of_filters(units, filters)
        return x if bias is None else x.shifted(self.rows(bias, 0)[1])

    def read(self, kernel, axis, x):
        """Notes that a kernel reads units along an axis."""
        axis %= len(kernel.shape)
        numbers = self.numbers(kernel, axis)
        if not isinstance(x, Moments):
            self.refuse(numbers, f"is read by `{kernel.path}` unfollowed")
            return
        x = x.closed()
        known = self._readings.get(id(kernel))
        if known is not None:
            # Units have to be alike at both calls.
            x = joined([known.moments, x], side_by_side)
        self._readings[id(kernel)] = Reading(kernel, axis, numbers, x)


def places(numbers, units):
    """Returns where units lie along an axis.

    Args:
        numbers: Integer array, the unit at each position.
        units: Ascending integer array.

    Returns:
        Integer array of shape `(units, positions)`; `None` if some units have
        more positions than others.
    """
    order = np.argsort(numbers, kind="stable")
    order = order[np.isin(numbers[order], units)]
    found, counts = np.unique(numbers[order], return_counts=True)
    if len(found) < len(units) or np.any(counts != counts[:1]):
        return None
    return order.reshape(len(units), max(counts, default=1))
