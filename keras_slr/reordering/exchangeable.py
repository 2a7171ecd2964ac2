"""Units that may change places while the model's outputs stay the same."""

import collections
import dataclasses

import keras
import numpy as np

from keras_slr.keras_internals.layers import children_of
from keras_slr.merging.survey import places
from keras_slr.models.graph import check_graph
from keras_slr.models.graph import graph_of
from keras_slr.models.graph import graphs_in
from keras_slr.shrinking.groups import analyse

_SEVERAL = "is also used outside its graph of layers"


@dataclasses.dataclass(frozen=True)
class Place:
    """Where units lie in one variable.

    Attributes:
        variable: Keras variable.
        axis: Integer.
        positions: Integer array of shape `(units, times)`: the positions of
            each unit along the axis, ascending.
    """

    variable: keras.Variable
    axis: int
    positions: np.ndarray

    def taken(self, array, order):
        """Returns an array of the variable's shape in another order.

        Args:
            array: NumPy array.
            order: Integer array of shape `(units,)`: the unit that comes to
                each unit's place.
        """
        index = np.arange(array.shape[self.axis])
        index[self.positions] = self.positions[order]
        return np.take(array, index, self.axis)


@dataclasses.dataclass(frozen=True)
class Exchangeable:
    """Units of one dependency group that lie in the same tensors.

    Attributes:
        places: Tuple of `Place`, one for each axis of a variable along which
            they lie.
    """

    places: tuple

    def __len__(self):
        return len(self.places[0].positions)


class Units:
    """The units of a model.

    Args:
        model: Built Keras model.

    Attributes:
        kinds: List of `Exchangeable`.

    Raises:
        ValueError: If the model has no known graph.
    """

    def __init__(self, model):
        graphs = graphs_in(model)
        if not graphs:
            check_graph(model)
        self.kinds = []
        self._stay = {}
        elsewhere = _used_elsewhere(model, graphs)
        for graph in graphs:
            trace, partition = analyse(graph)
            sites = [
                (site, partition.numbers(site.units))
                for site in trace.sites.values()
            ]
            for site, numbers in sites:
                # Units that no kernel writes have negative numbers.
                unit = next(iter(site.units[numbers < 0]), None)
                if unit in trace.reasons:
                    key = id(site.owner), site.axis
                    self._stay[key] = trace.reasons[unit]
            for start, group in zip(partition.starts, partition.groups):
                members = {id(member.variable) for member in group.members}
                reason = group.reason
                if members & elsewhere:
                    reason = _SEVERAL
                if reason is None:
                    self.kinds += _kinds(sites, start, group.size)
                    continue
                for member in group.members:
                    key = id(member.variable), member.axis
                    self._stay[key] = reason

    def reason(self, variable, axes):
        """Returns why units along axes of a variable stay, or `None`."""
        found = [self._stay.get((id(variable), axis)) for axis in axes]
        return next((reason for reason in found if reason), None)


def _kinds(sites, start, size):
    """Returns the `Exchangeable` units of a group.

    The units of one kind lie in the same tensors. If a tensor is split, for
    example, the units of each part are a kind of their own.
    """
    ours = []
    for site, numbers in sites:
        here = (numbers >= start) & (numbers < start + size)
        if here.any():
            ours.append((site, np.where(here, numbers - start, -1)))
    times = [np.bincount(n[n >= 0], minlength=size) for _, n in ours]
    _, kinds = np.unique(np.array(times).T, axis=0, return_inverse=True)
    found = []
    for kind in range(kinds.max() + 1):
        units = np.flatnonzero(kinds.ravel() == kind)
        lie = [
            Place(site.owner, site.axis, places(numbers, units))
            for site, numbers in ours
            if isinstance(site.owner, keras.Variable)
            and np.isin(units[0], numbers)
        ]
        if len(units) > 1 and lie:
            found.append(Exchangeable(tuple(lie)))
    return found


def _used_elsewhere(model, graphs):
    """Returns the ids of variables that more than one graph may read."""
    counts = collections.Counter()
    for graph in graphs:
        counts.update({id(variable) for variable in graph.variables})
    counts.update(_outside(model, set()))
    return {key for key, count in counts.items() if count > 1}


def _outside(layer, seen):
    """Returns the ids of the variables of layers outside all graphs."""
    if graph_of(layer) is not None or id(layer) in seen:
        return set()
    seen.add(id(layer))
    children = children_of(layer)
    found = set().union(*(_outside(child, seen) for child in children))
    if not children:
        found |= {id(variable) for variable in layer.variables}
    return found
