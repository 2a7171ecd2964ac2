"""When zeros make a kernel faster: a table for each kind of runtime."""

import types

from tflite_export.conditions import arm
from tflite_export.conditions import gpu
from tflite_export.conditions import int8
from tflite_export.conditions import micro
from tflite_export.conditions import x86
from tflite_export.conditions.condition import Condition

CONDITIONS = types.MappingProxyType(
    {
        "arm": arm.CONDITIONS,
        "x86": x86.CONDITIONS,
        "gpu": gpu.CONDITIONS,
        "int8": int8.CONDITIONS,
        "micro": micro.CONDITIONS,
    }
)

__all__ = ["CONDITIONS", "Condition"]
