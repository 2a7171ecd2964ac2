"""TFLite Micro.

It has no DENSIFY, which sparse-encoded files need:
https://github.com/tensorflow/tflite-micro/issues/491.
"""

from tflite_export.conditions.condition import FILTERS
from tflite_export.conditions.condition import FOLLOWS
from tflite_export.conditions.condition import INT8
from tflite_export.conditions.condition import Condition
from tflite_export.conditions.facts_of_kernels import DEPTHWISE

_WHY = "TFLite Micro does not read sparse-encoded weights"
CONDITIONS = (
    Condition(why=_WHY, advice=(FOLLOWS,), kinds=(DEPTHWISE,)),
    Condition(why=_WHY, advice=(FILTERS, INT8)),
)
