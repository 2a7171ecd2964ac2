"""XNNPACK on x86 with AVX.

Found by running sparse-encoded files on LiteRT and TensorFlow: convolutions
run at the speed of the dense file, with equal outputs, because XNNPACK turns
its sparse rewriting of the graph off where there is AVX. Dense layers in
blocks of four inputs take TFLite's own sparse kernel.
"""

from tflite_export.conditions.condition import BLOCK
from tflite_export.conditions.condition import BLOCKS
from tflite_export.conditions.condition import FILTERS
from tflite_export.conditions.condition import FOLLOWS
from tflite_export.conditions.condition import INT8
from tflite_export.conditions.condition import Condition
from tflite_export.conditions.facts_of_kernels import DENSE
from tflite_export.conditions.facts_of_kernels import DEPTHWISE

CONDITIONS = (
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
        why="XNNPACK turns sparse convolutions off where there is AVX",
        advice=(FILTERS, INT8),
    ),
)
