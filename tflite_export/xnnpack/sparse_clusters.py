"""Which operations XNNPACK on ARM moves to its layout for sparse inference.

XNNPACK only skips the zeros of 1x1 convolutions in a layout of its own, with
channels before height and width. Before a graph first runs, it looks for
clusters of operations that can all change to that layout, from a first
convolution, which reads the usual layout, to a pooling, which restores it.
The rules below come from `xnn_subgraph_rewrite_for_nchw` in
https://github.com/google/XNNPACK, src/subgraph.c.
"""

import collections
import dataclasses
import enum
import math

from ai_edge_litert import schema_py_generated as schema

from keras_slr.planning.targets import THRESHOLD

_FLOATS = (schema.TensorType.FLOAT32, schema.TensorType.FLOAT16)
_UNARY = (
    ("ABS", "CEIL", "COS", "ELU", "EXP", "FLOOR", "GELU", "HARD_SWISH")
    + ("LEAKY_RELU", "LOG", "LOGISTIC", "NEG", "RELU", "RELU6", "RELU_0_TO_1")
    + ("RELU_N1_TO_1", "ROUND", "RSQRT", "SIN", "SQRT", "SQUARE", "TANH")
)


class Role(enum.Flag):
    """What an operation can be in a cluster.

    `ENTRY` turns the usual layout into the sparse one, `INSIDE` stays in the
    sparse one, `EXIT` turns it back.
    """

    NONE = 0
    ENTRY = enum.auto()
    INSIDE = enum.auto()
    EXIT = enum.auto()


@dataclasses.dataclass(frozen=True)
class Rewrite:
    """The operations of a graph that change layout.

    Attributes:
        members: Frozenset of integers, the operations that change.
        escapes: Tuple of integers, those whose result leaves the cluster in
            the sparse layout, so that others read it in the wrong order.
        zeros: Float, largest share of zeros in the 1x1 convolutions of a
            cluster, which changes above two thirds; `None` if no cluster
            could change with any weights.
        reasons: Tuple of strings, why operations are not in clusters.
    """

    members: frozenset
    escapes: tuple
    zeros: float | None
    reasons: tuple


def rewrite(graph, dense_joins):
    """Reproduces XNNPACK's decision about a graph.

    Args:
        graph: `Graph`, taken as if its 1x1 convolutions were encoded
            sparsely.
        dense_joins: Boolean, whether Dense layers that keep the number of
            axes are parts of clusters, as in newer versions.

    Returns:
        `Rewrite`.
    """
    operations = graph.operations
    found = [_role(graph, operation, dense_joins) for operation in operations]
    roles = [role for role, _ in found]
    reasons = [reason for _, reason in found if reason]
    producers = {t: i for i, o in enumerate(operations) for t in o.outputs}
    group = _Groups(len(operations))
    exits = {i for i, role in enumerate(roles) if role & Role.EXIT}
    changing = Role.INSIDE | Role.EXIT
    keeps = Role.ENTRY | Role.INSIDE
    bad = set()
    for wanted in (Role.EXIT, changing):
        joined = False
        for i, operation in enumerate(operations):
            if not roles[i] & wanted or i in bad:
                continue
            for tensor in operation.data:
                source = producers.get(tensor)
                if source is None:
                    reasons.append(
                        f"`{operation.name}` takes the model's input without "
                        "a first convolution between"
                    )
                if source is None or source in bad or not roles[source] & keeps:
                    bad.add(i)
                else:
                    exits.discard(source)
                    group.join(i, source)
                    joined = True
        # Without a pooling after an operation, the search ends.
        if not joined:
            if not exits:
                reasons.append("no pooling over height and width ends it")
            return Rewrite(frozenset(), (), None, tuple(reasons))
    spoilt = {group.of(i) for i in bad}
    consumers = collections.Counter(t for o in operations for t in o.data)
    consumers.update(graph.outputs)
    members = [
        i
        for i, role in enumerate(roles)
        if role & changing and group.of(i) not in spoilt
    ]
    inside = collections.Counter(t for i in members for t in operations[i].data)
    for i in members:
        for tensor in operations[i].data:
            if inside[tensor] != consumers[tensor]:
                spoilt.add(group.of(i))
                name = operations[producers[tensor]].name
                reasons.append(
                    f"`{name}` is also an output, or taken by an operation "
                    "that stays dense"
                )
    shares = _zeros_by_group(graph, group, roles)
    shares = {g: share for g, share in shares.items() if g not in spoilt}
    engaged = {g for g, share in shares.items() if share > THRESHOLD}
    members = [i for i in members if group.of(i) in engaged]
    turned = {t for i in members for t in operations[i].data}
    return Rewrite(
        members=frozenset(
            i for i, role in enumerate(roles) if role and group.of(i) in engaged
        ),
        escapes=tuple(
            i
            for i in members
            if i not in exits and not turned.issuperset(operations[i].outputs)
        ),
        zeros=max(shares.values(), default=None),
        reasons=tuple(dict.fromkeys(reasons)),
    )


class _Groups:
    """Disjoint sets of integers."""

    def __init__(self, size):
        self._parents = list(range(size))

    def of(self, i):
        while self._parents[i] != i:
            i = self._parents[i]
        return i

    def join(self, i, j):
        self._parents[self.of(i)] = self.of(j)


def _zeros_by_group(graph, group, roles):
    sizes, zeros = collections.Counter(), collections.Counter()
    for i, operation in enumerate(graph.operations):
        if not roles[i] & Role.INSIDE:
            continue
        if operation.op not in ("CONV_2D", "FULLY_CONNECTED"):
            continue
        weight = operation.inputs[1]
        size = math.prod(graph.shape(weight))
        found = graph.zeros(weight)
        sizes[group.of(i)] += size
        # Unknown values count as zeros, which would engage.
        zeros[group.of(i)] += size if found is None else found
    return {g: zeros[g] / size for g, size in sizes.items() if size}


def _role(graph, operation, dense_joins):
    """Returns the role of an operation and, if it has none, why."""
    op, name = operation.op, operation.name
    if op in ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"):
        tensors = operation.inputs[:2] + operation.outputs
    else:
        tensors = operation.data + operation.outputs
    ranks = [len(graph.shape(t)) for t in operation.data + operation.outputs]
    if 4 not in ranks and op != "FULLY_CONNECTED":
        return Role.NONE, None
    if any(graph.stored_type(t) not in _FLOATS for t in tensors):
        return Role.NONE, f"`{name}` is not in floating point"
    if op == "CONV_2D":
        return _convolution(graph, operation)
    if op == "DEPTHWISE_CONV_2D":
        return _depthwise(graph, operation)
    if op == "FULLY_CONNECTED":
        constant = operation.inputs[1] not in operation.data
        if dense_joins and operation.options.keepNumDims and constant:
            return Role.INSIDE, None
        return Role.NONE, None
    if op in ("MEAN", "SUM") and ranks[0] == 4:
        return Role.INSIDE | Role.EXIT, None
    if op == "DEPTH_TO_SPACE":
        return Role.EXIT, None
    if op in _UNARY:
        return Role.INSIDE, None
    if op in ("ADD", "MUL") and ranks[:2] == [4, 4] and len(ranks) == 3:
        return Role.INSIDE, None
    if op == "RESIZE_BILINEAR" and min(graph.shape(operation.data[0])[1:3]) > 1:
        return Role.INSIDE, None
    if op == "RESHAPE" and 2 in ranks:
        return Role.NONE, None
    return Role.NONE, f"`{name}`: {op} has no sparse form"


def _convolution(graph, operation):
    options, name = operation.options, operation.name
    _, height, width, channels = graph.shape(operation.inputs[1])
    taken = graph.shape(operation.data[0])[-1] if operation.data else None
    strides = (options.strideH, options.strideW)
    if (options.dilationHFactor, options.dilationWFactor) != (1, 1):
        return Role.NONE, f"`{name}` is dilated"
    if taken != channels or operation.inputs[1] in operation.data:
        return Role.NONE, f"`{name}` works in groups"
    if (height, width) == (1, 1):
        if strides != (1, 1) or operation.pad:
            return Role.NONE, f"`{name}` is 1x1 with a stride or padding"
        return Role.INSIDE, None
    symmetric = operation.pad == ((1, 1), (1, 1))
    if (height, width) == (3, 3) and strides == (2, 2) and channels == 3:
        if symmetric:
            return Role.ENTRY, None
        return Role.NONE, (
            f"`{name}` pads as TensorFlow's 'same' does, not by 1 on all sides"
        )
    return Role.NONE, (
        f"`{name}` is {height}x{width} with stride {strides[0]} on {channels} "
        "channels: only the first convolution may be other than 1x1, and that "
        "3x3 with stride 2 on 3 channels"
    )


def _depthwise(graph, operation):
    options, name = operation.options, operation.name
    _, height, width, _ = graph.shape(operation.inputs[1])
    strides = (options.strideH, options.strideW)
    if (options.dilationHFactor, options.dilationWFactor) != (1, 1):
        return Role.NONE, f"`{name}` is dilated"
    if options.depthMultiplier != 1:
        return Role.NONE, f"`{name}` has a depth multiplier"
    if height != width or height not in (3, 5):
        return Role.NONE, f"`{name}` is {height}x{width}, not 3x3 or 5x5"
    if strides not in ((1, 1), (2, 2)):
        return Role.NONE, f"`{name}` has strides {strides}"
    around = height // 2
    same = options.padding == schema.Padding.SAME
    symmetric = operation.pad == ((around, around), (around, around))
    if symmetric or (same and strides == (1, 1)):
        return Role.INSIDE, None
    return Role.NONE, (
        f"`{name}` has stride {strides[0]} and is not padded by {around} on "
        "all sides"
    )
