"""Judges whether the zeros of a kernel make it faster on a target."""

from keras_slr.planning.targets import THRESHOLD
from keras_slr.selection import Reason
from tflite_export.conditions import CONDITIONS
from tflite_export.conditions.condition import BLOCK
from tflite_export.conditions.condition import BLOCKS
from tflite_export.conditions.condition import BLOCKS_PAY
from tflite_export.conditions.condition import ENTRIES
from tflite_export.conditions.condition import ENTRY
from tflite_export.conditions.condition import FILTERS
from tflite_export.conditions.condition import FOLLOWS
from tflite_export.conditions.condition import INT8
from tflite_export.explanation.explanation import IF
from tflite_export.explanation.explanation import NO
from tflite_export.explanation.explanation import NOTHING
from tflite_export.explanation.explanation import SHRINK
from tflite_export.explanation.explanation import YES
from tflite_export.explanation.explanation import Verdict

FRIENDLY = (
    "tflite_export.friendly(model), trained again and pruned by target='arm'"
)


def verdict_on(target, kernel, graph):
    """Returns the `Verdict` on a kernel.

    The advice names nothing that is done already or that the kernel does not
    allow.

    Args:
        target: String, a key of `CONDITIONS`.
        kernel: `KernelFacts`.
        graph: `ConvertedGraph`.
    """
    condition = next(c for c in CONDITIONS[target] if kernel.kind in c.kinds)
    if _is_faster(condition, kernel, graph):
        return Verdict(target, YES, "", "")
    if condition.unit == ENTRY:
        answer, why, advice = _of_entries(condition, kernel, graph)
    elif condition.unit == BLOCK:
        answer, why, advice = _of_blocks(condition, kernel)
    else:
        answer, why, advice = NO, condition.why, condition.advice
    advice = _joined(advice, kernel)
    if kernel.cut:
        why = "filters that are zero, and what reads them, are multiplied too"
        return Verdict(target, IF, why, SHRINK, kernel.cut, advice)
    return Verdict(target, answer, why, advice)


def _is_faster(condition, kernel, graph):
    """Whether the present zeros make the kernel faster."""
    if condition.unit == ENTRY:
        return graph.engages and kernel.zeros > THRESHOLD
    if condition.unit == BLOCK and kernel.zero_blocks is not None:
        least = _least(kernel)
        return least is not None and kernel.zero_blocks >= least
    return False


def _of_entries(condition, kernel, graph):
    if graph.failure:
        why = "the graph could not be examined, see below"
        return NO, why, (FILTERS, INT8)
    if not graph.could_engage:
        why = "XNNPACK takes no sparse kernels in this graph, see below"
        friendly = (FRIENDLY,) if graph.friendly_engages else ()
        return NO, why, (*friendly, FILTERS, INT8)
    if kernel.zeros > THRESHOLD:
        others = f"{ENTRIES} in the other 1x1 convolutions"
        advice = tuple(others if a == ENTRIES else a for a in condition.advice)
        return IF, condition.why, advice
    if graph.engages:
        why = "more than 2/3 of its entries have to be zero"
        return IF, why, condition.advice
    return IF, condition.why, condition.advice


def _of_blocks(condition, kernel):
    if kernel.zero_blocks is None:
        why = "sparse kernels need a number of inputs divisible by 4"
        return NO, why, (FILTERS, INT8)
    least = _least(kernel)
    if least is None:
        why = "sparse kernels lose on so many rows of input"
        return NO, why, (FILTERS, INT8)
    blocks = f"{BLOCKS} at {least:g} or more"
    advice = tuple(blocks if a == BLOCKS else a for a in condition.advice)
    return IF, condition.why, advice


def _least(kernel):
    """Returns the share of zero blocks that makes it faster, or `None`."""
    shares = [share for rows, share in BLOCKS_PAY if kernel.positions <= rows]
    return shares[0] if shares else None


def _joined(advice, kernel):
    """Returns the advice that a kernel can follow, as one string."""
    possible, reasons = [], {}
    for text in advice:
        reason = _hindrance(text, kernel)
        if reason is None:
            possible.append(text)
        else:
            reasons[reason] = None
    joined = ", or ".join(possible) or NOTHING
    return f"{joined} ({'; '.join(reasons)})" if reasons else joined


def _hindrance(text, kernel):
    """Returns why a kernel cannot follow a piece of advice, or `None`."""
    if text in (FILTERS, FOLLOWS):
        return kernel.whole and f"no filter can go: {kernel.whole}"
    if text in (INT8, FRIENDLY) or kernel.trainable:
        return None
    return Reason.FROZEN.value
