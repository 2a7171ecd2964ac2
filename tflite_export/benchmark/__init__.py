"""How fast, large and accurate TFLite files are, measured side by side."""

from tflite_export.benchmark.benchmark import accuracy
from tflite_export.benchmark.benchmark import benchmark
from tflite_export.benchmark.benchmark import score
from tflite_export.benchmark.record import Benchmark
from tflite_export.benchmark.record import Row
from tflite_export.benchmark.spread import Spread

__all__ = ["Benchmark", "Row", "Spread", "accuracy", "benchmark", "score"]
