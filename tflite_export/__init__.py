"""Converts Keras 3 models to TFLite and checks that the outputs agree."""

from keras_slr_base.extras import extra
from tflite_export.benchmark import benchmark
from tflite_export.conversion.convert import convert
from tflite_export.conversion.smallest import smallest
from tflite_export.explanation.explain import explain
from tflite_export.quantization.quantization_error import quantization_error

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
    # They need Keras; measuring files does not.
    if name in _ARCHITECTURE:
        with extra("export"):
            from tflite_export.xnnpack import friendly_architecture

        return getattr(friendly_architecture, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
