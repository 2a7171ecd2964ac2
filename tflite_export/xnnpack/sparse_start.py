"""Whether sparse inference starts on ARM, with correct results.

XNNPACK starts it by itself on a file with sparsely encoded 1x1 convolutions.
Where only a part of the graph changes to its layout, or the result leaves other
than by a global average pooling, it gives wrong numbers without an error (seen
on LiteRT 1.4 to 2.3 for ARM64; `make test-arm` shows it). So anything that is
not known to be correct counts as unsafe.
"""

import dataclasses

from tflite_export.xnnpack.graph import Graph
from tflite_export.xnnpack.sparse_clusters import rewrite

# Operations whose results in the sparse layout were correct in tests.
_SEEN = ("ADD", "CONV_2D", "DEPTHWISE_CONV_2D", "GELU", "HARD_SWISH") + (
    "LEAKY_RELU",
    "LOGISTIC",
    "MEAN",
    "MUL",
    "RELU",
    "RELU6",
    "TANH",
)


@dataclasses.dataclass(frozen=True)
class SparseInference:
    """What XNNPACK on ARM does with a file whose 1x1 weights are encoded.

    Attributes:
        engages: Whether it skips the zeros of 1x1 convolutions.
        safe: Whether the outputs are known to equal those of the dense file.
        reasons: Tuple of strings, why it does not engage, or why that is
            unsafe; empty if it engages and is safe.
    """

    engages: bool
    safe: bool
    reasons: tuple[str, ...]


def sparse_inference(model):
    """Judges a graph as if its 1x1 convolutions were sparsely encoded.

    It does not matter whether they are. Versions of
    XNNPACK differ in whether a Dense layer that keeps the number of axes
    takes part; a graph is safe only if it is safe in both cases.

    Args:
        model: `ModelT` of `ai_edge_litert.schema_py_generated`, unchanged.

    Returns:
        `SparseInference`.
    """
    graphs = [Graph(model, subgraph) for subgraph in model.subgraphs]
    engages, dangers, blockers = False, [], []
    for graph in graphs:
        for dense_joins in (True, False):
            found = rewrite(graph, dense_joins)
            if not found.members:
                blockers += _blockers(graph, found)
                continue
            engages = engages or dense_joins
            dangers += _dangers(graph, found)
            if len(graphs) > 1:
                dangers.append("the file holds more than one graph")
    reasons = dangers if dangers or engages else blockers
    return SparseInference(
        engages=engages, safe=not dangers, reasons=tuple(dict.fromkeys(reasons))
    )


def _blockers(graph, found):
    """Lists the reasons why no operation changes layout."""
    if found.zeros is None:
        return list(found.reasons) or ["there are no 1x1 convolutions"]
    return [
        f"{found.zeros:.1%} of the 1x1 convolutions' entries are zero, not "
        "over two thirds"
    ]


def _dangers(graph, found):
    """Lists how an engaging graph differs from those known to be safe."""
    operations = graph.operations
    dangers = []
    if len(graph.inputs) != 1 or len(graph.outputs) != 1:
        dangers.append("the model has more than one input or output")
    for i in found.escapes:
        dangers.append(
            f"the result of `{operations[i].name}` leaves the sparse part "
            "other than by global average pooling, and is read in the wrong "
            "order"
        )
    members = [operations[i] for i in sorted(found.members)]
    for operation in members:
        if operation.op not in _SEEN:
            dangers.append(
                f"`{operation.name}`: {operation.op} is not known to be right "
                "in sparse inference"
            )
    known = found.members | _before(operations, found.members)
    known |= _after(graph, found.members)
    beside = [o.name for i, o in enumerate(operations) if i not in known]
    if beside:
        others = f" and {len(beside) - 1} more" if len(beside) > 1 else ""
        dangers.append(
            f"`{beside[0]}`{others} stay dense beside the sparse part"
        )
    inside = {t for operation in members for t in operation.data}
    for operation in members:
        leaves = not inside.issuperset(operation.outputs)
        if (
            leaves
            and operation.op == "MEAN"
            and not _is_pooling(graph, operation)
        ):
            dangers.append(
                f"`{operation.name}` averages, but not over height and width "
                "into a vector for each image"
            )
    return dangers + (list(found.reasons) if dangers else [])


def _before(operations, members):
    """Returns the operations whose results only the sparse part reads."""
    consumers = {}
    for i, operation in enumerate(operations):
        for tensor in operation.data:
            consumers.setdefault(tensor, []).append(i)
    found = set()
    for i in reversed(range(len(operations))):
        after = [t for o in operations[i].outputs for t in consumers.get(o, [])]
        if (
            after
            and i not in members
            and found.union(members).issuperset(after)
        ):
            found.add(i)
    return found


def _after(graph, members):
    """Returns the operations that only read pooled vectors."""
    found, ready = set(), set()
    for i, operation in enumerate(graph.operations):
        if i in members:
            outputs = operation.outputs
            ready.update(t for t in outputs if len(graph.shape(t)) <= 2)
        elif ready.issuperset(operation.data) or _is_flattening(
            graph, operation
        ):
            found.add(i)
            ready.update(operation.outputs)
    return found


def _is_flattening(graph, operation):
    """Returns whether it turns a pooled `1x1` image into a vector."""
    if operation.op not in ("RESHAPE", "FULLY_CONNECTED"):
        return False
    taken = graph.shape(operation.data[0])
    return (
        len(operation.data) == 1
        and taken[1:-1] == (1, 1)
        and len(graph.shape(operation.outputs[0])) == 2
    )


def _is_pooling(graph, operation):
    axes = graph.integers(operation.inputs[1])
    if axes is None or sorted(axes) != [1, 2]:
        return False
    (output,) = operation.outputs
    consumers = [o for o in graph.operations if output in o.data]
    return len(graph.shape(output)) == 2 or (
        bool(consumers) and all(_is_flattening(graph, o) for o in consumers)
    )
