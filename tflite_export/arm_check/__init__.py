"""A check of TFLite files on an emulated ARM64 processor.

It answers what tests on x86 cannot: whether XNNPACK's sparse kernels start on
a file, and whether the numbers are right then. Emulated time says nothing of
speed.
"""

from tflite_export.arm_check.check import ArmCheck
from tflite_export.arm_check.check import arm_check
from tflite_export.arm_check.emulation import emulate

__all__ = ["ArmCheck", "arm_check", "emulate"]
