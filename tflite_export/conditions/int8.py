"""Kernels and accelerators for int8.

Found by running fully quantized files on LiteRT: sparse-encoded convolutions
run at the speed of dense int8 ones, and block-sparse Dense layers slower.
"""

from tflite_export.conditions.condition import FILTERS
from tflite_export.conditions.condition import FOLLOWS
from tflite_export.conditions.condition import Condition
from tflite_export.conditions.facts_of_kernels import DEPTHWISE

_WHY = "int8 kernels multiply zeros like other entries"
CONDITIONS = (
    Condition(why=_WHY, advice=(FOLLOWS,), kinds=(DEPTHWISE,)),
    Condition(why=_WHY, advice=(FILTERS,)),
)
