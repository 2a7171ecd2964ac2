"""The GPU delegate.

It takes sparse-encoded weights apart when it builds its graph (its DENSIFY
"doesn't have a kernel") and multiplies them as dense ones:
https://github.com/tensorflow/tensorflow, lite/delegates/gpu/common.
"""

from tflite_export.conditions.condition import FILTERS
from tflite_export.conditions.condition import FOLLOWS
from tflite_export.conditions.condition import Condition
from tflite_export.conditions.facts_of_kernels import DEPTHWISE

_WHY = "the GPU delegate multiplies zeros like other entries"
CONDITIONS = (
    Condition(why=_WHY, advice=(FOLLOWS,), kinds=(DEPTHWISE,)),
    Condition(why=_WHY, advice=(FILTERS,)),
)
