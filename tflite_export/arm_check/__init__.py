"""A check of TFLite files on an emulated ARM64 processor.

It answers what tests on x86 cannot: whether XNNPACK's sparse kernels start on
a file, and whether its outputs are then correct. Emulated time says nothing
about speed.
"""

from tflite_export.arm_check.check import ArmCheck
from tflite_export.arm_check.check import arm_check
from tflite_export.arm_check.emulation import EmulationError
from tflite_export.arm_check.emulation import emulate
from tflite_export.arm_check.emulation import emulate_all

__all__ = ["ArmCheck", "EmulationError", "arm_check", "emulate", "emulate_all"]
