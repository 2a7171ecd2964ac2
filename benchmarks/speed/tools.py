"""Seconds and peak memory of `report`, `shrink` and `convert`.

    python -m benchmarks.speed.tools TOOL MODEL

runs one of them and prints a dict as JSON. Each runs in a process of its own,
on a network with random weights, half of whose filters are pruned.
"""

import json
import pathlib
import resource
import sys
import tempfile
import time

import keras

import keras_slr
from benchmarks.speed import child
from benchmarks.speed import memory
from benchmarks.speed.rows import row

NAME = "tools"
MODELS = ("MobileNetV2", "EfficientNetB0", "ResNet50")


def report(model, folder):
    del folder
    keras_slr.report(model, rate=0.9)


def shrink(model, folder):
    del folder
    keras_slr.shrink(model)


def convert(model, folder):
    import tflite_export

    tflite_export.convert(model, str(pathlib.Path(folder) / "model.tflite"))


TOOLS = {tool.__name__: tool for tool in (report, shrink, convert)}


def rows(options):
    """Yields the rows of one model after another."""
    for model in options.chosen(MODELS):
        for tool in TOOLS:
            found = [
                child.run("benchmarks.speed.tools", tool, model)
                for _ in range(options.count(3))
            ]
            for quantity in found[0]:
                yield row(
                    model, tool, quantity, [each[quantity] for each in found]
                )


def measure(tool, name):
    """Returns a dict of the seconds and the megabytes of a tool."""
    model = getattr(keras.applications, name)(weights=None)
    if tool == "shrink":
        keras_slr.hard_prune(model, 0.5, structure=keras_slr.Filter())
    seconds = []

    def run():
        start = time.perf_counter()
        TOOLS[tool](model, folder)
        seconds.append(time.perf_counter() - start)

    with tempfile.TemporaryDirectory() as folder:
        extra = memory.extra_bytes(run)
    found = {"seconds": seconds[0], "MB at the peak": extra / 1e6}
    if tool == "convert":
        # It works in a child process. The system counts in kilobytes.
        child = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
        found["MB of the child process at the peak"] = child / 1e3
    return found


if __name__ == "__main__":
    print(json.dumps(measure(*sys.argv[1:])))
