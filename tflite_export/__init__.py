"""Conversion of Keras 3 models to TFLite files that are checked to agree."""

from tflite_export.benchmark import benchmark
from tflite_export.convert import convert
from tflite_export.explain import explain
from tflite_export.smallest import smallest

__all__ = ["benchmark", "convert", "explain", "smallest"]
