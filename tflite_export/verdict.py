"""From what stands in a kernel to what its zeros do on a target."""

from tflite_export.conditions import CONDITIONS
from tflite_export.conditions.condition import BLOCK
from tflite_export.conditions.condition import BLOCKS_PAY
from tflite_export.conditions.condition import ENTRY
from tflite_export.conditions.condition import FILTERS
from tflite_export.conditions.condition import INT8
from tflite_export.explanation import IF
from tflite_export.explanation import NO
from tflite_export.explanation import YES
from tflite_export.explanation import Verdict


def verdict_on(target, kernel, graph):
    """Returns the `Verdict` on a kernel.

    Args:
        target: String, a key of `CONDITIONS`.
        kernel: `Kernel`.
        graph: `ConvertedGraph`.
    """
    condition = next(c for c in CONDITIONS[target] if kernel.kind in c.kinds)
    return Verdict(target, *_found(condition, kernel, graph))


def _found(condition, kernel, graph):
    """Returns the answer, what stands in the way, and what pays."""
    if condition.unit == ENTRY:
        if graph.engages:
            return YES, "", ""
        if not graph.could_engage:
            why = "XNNPACK takes no sparse kernels in this graph, see below"
            return NO, why, _joined((FILTERS, INT8), kernel)
        return IF, condition.why, _joined(condition.advice, kernel)
    if condition.unit == BLOCK:
        return _of_blocks(condition, kernel)
    if kernel.zero_filters and kernel.whole is None:
        why = "filters that are zero are multiplied too"
        return IF, why, "keras_slr.shrink, which cuts them out"
    return NO, condition.why, _joined(condition.advice, kernel)


def _of_blocks(condition, kernel):
    least = [share for rows, share in BLOCKS_PAY if kernel.places <= rows]
    if kernel.zero_blocks is None:
        why = "sparse kernels take blocks of 4 inputs, which do not fit in"
        return NO, why, _joined((FILTERS, INT8), kernel)
    if not least:
        why = "sparse kernels lose on so many rows of input"
        return NO, why, _joined((FILTERS, INT8), kernel)
    if kernel.zero_blocks >= least[0]:
        return YES, "", ""
    blocks, *others = condition.advice
    advice = (f"{blocks} at {least[0]:g} or more", *others)
    return IF, condition.why, _joined(advice, kernel)


def _joined(advice, kernel):
    """Returns as one string what of the advice a kernel can follow."""
    if kernel.whole is None or FILTERS not in advice:
        return ", or ".join(advice)
    others = [text for text in advice if text != FILTERS] or ["nothing"]
    return f"{', or '.join(others)} (no filter can go: {kernel.whole})"
