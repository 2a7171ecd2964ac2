"""Conversion of Keras 3 models to TFLite files that are checked to agree."""

from tflite_export.convert import convert
from tflite_export.explain import explain

__all__ = ["convert", "explain"]
