"""Zero units that cannot be cut, and why."""

import keras
import numpy as np

from keras_slr.backend import to_host
from keras_slr.keras_internals.layers import layers_of
from keras_slr.selection import Reason
from keras_slr.selection.kernels import weights_of
from keras_slr.shrinking.groups import Group
from keras_slr.shrinking.groups import Member
from keras_slr.shrinking.heads import is_attention
from keras_slr.shrinking.heads import projections
from keras_slr.shrinking.heads import slices_of
from keras_slr.shrinking.trace import OUTPUT


def why_zeros_stay(group, removed):
    """Returns why zero units of a group stay, or `None`.

    Args:
        group: `Group` that can be cut.
        removed: Integer array, the units that are cut.
    """
    writers = [m for m in group.members if m.role == OUTPUT]
    stays = np.ones(group.size + 1, bool)
    stays[removed] = stays[-1] = False
    alive = np.zeros(group.size + 1, bool)
    for member in writers:
        alive[member.units[~_is_zero(member)]] = True
    for member in writers:
        partly = _is_zero(member) & stays[member.units] & alive[member.units]
        if np.any(partly):
            return (
                f"{partly.sum()} of {member} are zero, but the weights tied "
                "to them are not all zero"
            )
    zero = stays & ~alive
    if np.any(zero):
        return (
            f"{zero.sum()} have filters of zeros, but their outputs are not "
            "known to be constant"
        )
    return None


def zeros_in_opaque(trace):
    """Returns groups of the zero units inside layers that are left whole.

    Args:
        trace: `Trace`.

    Returns:
        List of `Group`, with the reason.
    """
    groups = []
    for call in trace.opaque.values():
        for name, members in _units_in(call.operation):
            size = int(members[0].units[-1]) + 1
            alive = np.zeros(size, bool)
            for member in members:
                alive[member.units[~_is_zero(member)]] = True
            if not alive.all():
                reason = (
                    f"{size - alive.sum()} are zero inside {call}, out of "
                    "which nothing can be cut"
                )
                groups.append(Group(name, size, tuple(members), reason))
    return groups


def _units_in(layer):
    """Returns names and members of the heads and filters in a layer."""
    if not isinstance(layer, keras.Layer):
        return []
    attentions = [
        part
        for part in layers_of(layer)
        if is_attention(part) and projections(part) is not None
    ]
    found = [
        (
            part.name,
            [
                Member(s.variable, s.axis, OUTPUT, s.units)
                for s in slices_of(part)
                if s.role == "output"
            ],
        )
        for part in attentions
    ]
    in_heads = {id(m.variable) for _, members in found for m in members}
    for weight in weights_of(layer):
        outputs = weight.axes.outputs if weight.axes else ()
        is_product = weight.default in (None, Reason.SMALL, Reason.FROZEN)
        if (
            is_product
            and len(outputs) == 1
            and id(weight.variable) not in in_heads
        ):
            units = np.arange(weight.shape[outputs[0]])
            member = Member(weight.variable, outputs[0], OUTPUT, units)
            found.append((weight.layer.name, [member]))
    return found


def _is_zero(member):
    """Returns which slices of a weight are zero, along its axis."""
    w = np.moveaxis(to_host(member.variable), member.axis, 0)
    return ~np.any(w.reshape(len(w), -1) != 0, axis=1)
