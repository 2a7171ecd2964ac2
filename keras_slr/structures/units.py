"""Filters, channels and attention heads: units that `shrink` can remove."""

import dataclasses
import itertools
from typing import Literal

import numpy as np

from keras_slr.models.graph import check_graph
from keras_slr.models.graph import graph_of
from keras_slr.models.graph import graphs_in
from keras_slr.python_numbers import python_number
from keras_slr.record import PACKAGE
from keras_slr.selection import Reason
from keras_slr.selection.kernels import weights_of
from keras_slr.shrinking import dependency_groups
from keras_slr.shrinking.heads import is_attention
from keras_slr.shrinking.heads import projections
from keras_slr.shrinking.heads import slices_of
from keras_slr.structures.constraint import Refusal
from keras_slr.structures.coupled_units import CoupledUnits
from keras_slr.structures.coupled_units import UnitLabels
from keras_slr.structures.registry import register_structure
from keras_slr.structures.structure import Structure


@register_structure("filter", PACKAGE)
@dataclasses.dataclass(frozen=True)
class Filter(Structure):
    """Whole filters: everything that computes one channel or feature.

    If `grouped`, a unit is what `shrink` has to remove together: the filters
    of all layers whose outputs are added up, with their biases and the scales
    and shifts of their normalizations. Its score is the joint norm of the
    kernels. What cannot be removed without changing the model's shape or
    meaning, such as its outputs, is left alone. A subclassed
    model has no known graph: only the Functional and Sequential models inside
    it are pruned.

    Args:
        grouped: Boolean, whether coupled layers lose the same filters. If
            not, each kernel is pruned by itself, also the model's outputs.
            Defaults to `True`.
        round_to: `"auto"` to keep a number of filters that runtimes compute
            efficiently, see `round_width`; an integer to keep a multiple of
            it. Widths are rounded down. Defaults to `None`: the rate as
            requested.

    Raises:
        ValueError: If `round_to` is not valid.
    """

    grouped: bool = True
    round_to: int | Literal["auto"] | None = None

    def __post_init__(self):
        super().__post_init__()
        object.__setattr__(self, "round_to", python_number(self.round_to))
        valid = self.round_to in (None, "auto") or (
            isinstance(self.round_to, int)
            and not isinstance(self.round_to, bool)
            and self.round_to > 0
        )
        if not valid:
            raise ValueError(
                "Expected `round_to` to be None, 'auto' or a positive "
                f"integer. Received: round_to={self.round_to!r}."
            )

    def refusal(self, weight):
        return None if self.grouped else super().refusal(weight)

    def couple(self, model, chosen, left):
        if not self.grouped:
            return _alone(chosen, lambda axes: axes.outputs, self.round_to)
        known = {id(w.variable): w for w in weights_of(model)}
        wanted = {id(w.variable) for w in chosen}
        closed = {
            id(w.variable)
            for w, reason in left
            if reason in (Reason.EXCLUDED, Reason.FROZEN)
        }
        groups = _groups(model)
        reasons = _reasons(groups)
        coupled, refused, met = [], {}, set()
        for group in itertools.chain(*groups):
            makers = _makers(group)
            if not wanted.intersection(makers):
                continue
            reason = next((r for m in makers if (r := reasons[m])), None)
            if closed.intersection(makers):
                reason = "is coupled to a kernel that is left alone"
            if reason is not None:
                refused |= dict.fromkeys(makers, Refusal(reason))
                continue
            met.update(makers)
            coupled += _of_group(group, known, self.round_to)
        return coupled, [
            (w, refused.get(id(w.variable)) or Refusal(_around(w)))
            for w in chosen
            if id(w.variable) not in met
        ]


_SEVERAL = "is in several models inside this one"
_SINGLE = "all its filters are tied into one unit, and one has to stay"


# Roles of the members that have to be zero for a unit to be zero.
_WRITES = ("output", "vector")


def _makes(member):
    return member.role == "output"


def _makers(group):
    """Returns the ids of the kernels that write the units of a group."""
    return [id(m.variable) for m in group.members if _makes(m)]


def _reasons(groups):
    """Finds out why the units of kernels cannot be removed.

    Args:
        groups: List of lists of `Group`, one for each graph.

    Returns:
        Dict from the id of a kernel to a string, or to `None` if its units
        can be removed.
    """
    reasons = {}
    for of_graph in groups:
        found = {
            maker: group.reason or (_SINGLE if group.size == 1 else None)
            for group in of_graph
            for maker in _makers(group)
        }
        several = dict.fromkeys(reasons.keys() & found.keys(), _SEVERAL)
        reasons |= found | several
    return reasons


def _around(weight):
    """Returns which layer around a weight keeps `shrink` from its units."""
    *_, opaque = (layer for layer in weight.layers if graph_of(layer) is None)
    name, kind = opaque.name, type(opaque).__name__
    return f"is inside `{name}` ({kind}), out of which nothing can be cut"


def _groups(model):
    """Returns a list of dependency groups for each graph in `model`.

    A subclassed model has no known graph, but may hold models with one.
    """
    graphs = graphs_in(model)
    if not graphs:
        check_graph(model)
    return [dependency_groups(graph) for graph in graphs]


def _of_group(group, known, round_to):
    """Returns pairs of a bound structure and the weights of a group.

    Only units that lie in the same weights compete with each other, because
    units that more layers write have larger norms.
    """
    writers = [m for m in group.members if m.role in _WRITES]
    lies_in = np.array([np.isin(range(group.size), m.units) for m in writers])
    kinds = np.unique(lies_in, axis=1).T
    return [
        _of_kind(
            group,
            (kind == lies_in.T).all(axis=1),
            known,
            round_to,
            0 if spare else 1,
        )
        for kind, spare in zip(kinds, _spare(kinds))
    ]


def _spare(kinds):
    """Finds the kinds of units that may all become zero.

    They may if units of another kind stay in the same layers.

    Args:
        kinds: Boolean array of shape `(kinds, layers)`: the layers in which
            each kind of unit lies.

    Returns:
        List of booleans, one per kind.
    """
    spare = [False] * len(kinds)
    safe = np.zeros(kinds.shape[1], bool)
    # Kinds that lie in the most layers free the most other kinds.
    for i in np.argsort(-kinds.sum(axis=1), kind="stable"):
        spare[i] = bool(safe[kinds[i]].all())
        safe |= kinds[i] & (not spare[i])
    return spare


def _of_kind(group, chosen, known, round_to, least):
    """Returns the structure for some units of a group, and their weights."""
    # Renumbers the chosen units; the others get -1, and -1 stays -1.
    numbers = np.append(np.where(chosen, np.cumsum(chosen) - 1, -1), -1)
    weights, members, statistics, readers = [], [], [], []
    for member in group.members:
        labels = numbers[member.units]
        if not np.any(labels >= 0):
            continue
        bound = UnitLabels((member.axis,), labels, _makes(member))
        if member.role not in _WRITES:
            readers.append((member.variable, bound))
        elif member.variable.trainable:
            weights.append(known[id(member.variable)])
            members.append(bound)
        else:
            statistics.append((member.variable, bound))
    labels = CoupledUnits(
        int(chosen.sum()),
        tuple(members),
        tuple(statistics),
        round_to,
        tuple(readers),
        least,
    )
    return labels, weights


@register_structure("channel", PACKAGE)
@dataclasses.dataclass(frozen=True)
class Channel(Structure):
    """Input channels: everything that a kernel does with one input."""

    def refusal(self, weight):
        unknown = super().refusal(weight)
        if unknown is None and not weight.axes.inputs:
            return "a depthwise kernel has no inputs to remove"
        return unknown

    def couple(self, model, chosen, left):
        del model, left
        return _alone(chosen, lambda axes: axes.inputs)


@register_structure("heads", PACKAGE)
@dataclasses.dataclass(frozen=True)
class Heads(Structure):
    """Whole heads of attention layers.

    It applies to `MultiHeadAttention`, `GroupedQueryAttention`, and KerasHub's
    attention layers of the same kinds. A head includes its slices of the
    query, key, value and output kernels and of the biases. Query heads that
    share a key and value head are removed with it; if all share a single one,
    each query head is a unit. Heads that `keras_slr.shrink` could not remove
    from a model with a known graph are left alone.
    """

    def refusal(self, weight):
        attention = _attention_of(weight)
        if not is_attention(attention):
            return "is not in an attention layer with known heads"
        if projections(attention) is None:
            return f"the heads of `{attention.name}` are not independent"
        return None

    def couple(self, model, chosen, left):
        del left
        graphs = graphs_in(model)
        reasons = _reasons([dependency_groups(graph) for graph in graphs])
        known = {id(w.variable): w for w in weights_of(model)}
        coupled, refused, met = [], [], {}
        for weight in chosen:
            attention = _attention_of(weight)
            reason = _held_by(weight, reasons) if graphs else None
            if reason is not None:
                refused.append((weight, Refusal(reason)))
            elif id(attention) not in met:
                met[id(attention)] = attention
                coupled.append(_of_attention(attention, known))
        return coupled, refused


def _attention_of(weight):
    return weight.layers[1] if len(weight.layers) > 1 else weight.layer


def _held_by(weight, reasons):
    """Returns why the heads of a weight cannot be removed, or `None`."""
    _, *around = weight.layers
    first, *_ = slices_of(around[0])
    if first.units[-1] == 0:
        return "has a single head, which has to stay"
    if id(first.variable) in reasons:
        return reasons[id(first.variable)]
    return _around(weight)


def _of_attention(attention, known):
    """Returns the structure bound to the weights of an attention layer."""
    members, bound = [], []
    slices = slices_of(attention)
    for part in slices:
        weight = known[id(part.variable)]
        if part.variable.trainable:
            scored = part.role != "vector"
            members.append(UnitLabels((part.axis,), part.units, scored))
            bound.append(weight)
    return CoupledUnits(int(slices[0].units[-1]) + 1, tuple(members)), bound


def _alone(weights, axes_of, round_to=None):
    coupled = []
    for weight in weights:
        axes = axes_of(weight.axes)
        shape = [weight.shape[axis] for axis in axes]
        labels = np.arange(np.prod(shape)).reshape(shape)
        members = (UnitLabels(axes, labels),)
        bound = CoupledUnits(labels.size, members, round_to=round_to)
        coupled.append((bound, [weight]))
    return coupled, []
