"""Conversion of Keras 3 models to TFLite files that are checked to agree."""

from tflite_export.benchmark import benchmark
from tflite_export.convert import convert
from tflite_export.explain import explain
from tflite_export.quantization_error import quantization_error
from tflite_export.smallest import smallest

__all__ = [
    "benchmark",
    "convert",
    "explain",
    "friendly",
    "obstacles",
    "quantization_error",
    "smallest",
]
_ARCHITECTURE = ("friendly", "obstacles")


def __getattr__(name):
    # They need Keras, which measuring files does without.
    if name in _ARCHITECTURE:
        from tflite_export import friendly_architecture

        return getattr(friendly_architecture, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
