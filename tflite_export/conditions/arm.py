"""XNNPACK on ARM, in float32 or with float16 weights.

Found by running variants of MobileNet, sparse-encoded, on the aarch64 build
of LiteRT: sparse kernels engage for 1x1 convolutions of stride 1, in graphs
of certain shapes (`xnnpack.sparse_start`), if more than two thirds of the
entries of all 1x1 convolutions are zero. Dense layers in blocks of four inputs
take TFLite's own sparse kernel.
"""

from tflite_export.conditions.condition import BLOCK
from tflite_export.conditions.condition import BLOCKS
from tflite_export.conditions.condition import ENTRIES
from tflite_export.conditions.condition import ENTRY
from tflite_export.conditions.condition import FILTERS
from tflite_export.conditions.condition import FOLLOWS
from tflite_export.conditions.condition import INT8
from tflite_export.conditions.condition import Condition
from tflite_export.conditions.facts_of_kernels import DENSE
from tflite_export.conditions.facts_of_kernels import DEPTHWISE
from tflite_export.conditions.facts_of_kernels import POINTWISE

CONDITIONS = (
    Condition(
        why="more than 2/3 of the entries of all 1x1 convolutions have to be "
        "zero",
        advice=(ENTRIES, INT8),
        kinds=(POINTWISE,),
        unit=ENTRY,
    ),
    Condition(
        why="too few blocks of 4 inputs are zero (float32)",
        advice=(BLOCKS, INT8),
        kinds=(DENSE,),
        unit=BLOCK,
    ),
    Condition(
        why="there is no sparse kernel for depthwise convolutions",
        advice=(FOLLOWS,),
        kinds=(DEPTHWISE,),
    ),
    Condition(
        why="there are sparse kernels for 1x1 convolutions of stride 1 and "
        "Dense alone",
        advice=(FILTERS, INT8),
    ),
)
