"""A row of the table of a runtime."""

import dataclasses

from keras_slr.planning.targets import LEAST
from tflite_export.conditions.facts_of_kernels import ANY

ENTRY, BLOCK = "entry", "block"
FILTERS = "Filter(round_to='auto') and keras_slr.shrink"
FOLLOWS = "Filter(round_to='auto') on the convolution in front of it"
BLOCKS = "Block((4, 1))"
ENTRIES = f"Unstructured() at {LEAST:g} or more"
INT8 = "int8"
# TFLite's sparse Dense kernel against the dense one, on x86 with one thread:
# the shares of zero blocks at which it was the faster one, for so many rows
# of input. With more rows it never was.
BLOCKS_PAY = ((1, LEAST), (16, 0.9), (64, 0.95))


@dataclasses.dataclass(frozen=True)
class Condition:
    """When zeros make kernels of some kinds faster.

    Attributes:
        why: String, what stands in the way, or what it takes.
        advice: Tuple of strings, what pays.
        kinds: Tuple of strings, the kinds of kernels that it applies to, see
            `facts_of_kernels`. Defaults to `ANY`.
        unit: String, which zeros the runtime skips: `ENTRY`, in graphs that
            `xnnpack.sparse_start` accepts, or `BLOCK`, blocks of four inputs
            of one output. Defaults to `None`, none.
    """

    why: str
    advice: tuple
    kinds: tuple = ANY
    unit: str | None = None
