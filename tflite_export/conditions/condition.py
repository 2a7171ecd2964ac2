"""A row of the table of a runtime."""

import dataclasses

from tflite_export.kernel import ANY

ENTRY, BLOCK = "entry", "block"
FILTERS = "Filter(round_to='auto') and keras_slr.shrink"
FOLLOWS = "Filter(round_to='auto') on the convolution in front of it"
INT8 = "int8"


@dataclasses.dataclass(frozen=True)
class Condition:
    """When zeros make kernels of some kinds faster.

    Attributes:
        why: String, what stands in the way, or what it takes.
        advice: Tuple of strings, what pays.
        kinds: Tuple of strings of `kernel`, the kinds of kernels that it is
            about. Defaults to `ANY`.
        unit: String, which zeros the runtime skips: `ENTRY`, in graphs that
            `topology` finds right, or `BLOCK`, those of four inputs of one
            output. Defaults to `None`, none.
        least: Float, the share of blocks that has to be zero. Defaults to
            `0.0`.
    """

    why: str
    advice: tuple
    kinds: tuple = ANY
    unit: str | None = None
    least: float = 0.0
