"""The entry points that need an extra, and what they say without it.

Run as a script, in a folder with `model.keras`, `x.npz`, `model.tflite` and
`recipe.yaml`; prints a JSON object of messages.
"""

import contextlib
import functools
import importlib
import io
import json
import runpy
import sys

COMMANDS = {
    "keras_slr demo": "plot",
    "keras_slr prune --recipe recipe.yaml": "yaml",
    "keras_slr prune model.keras --data digits --out out.keras": "datasets",
    "tflite_export model.keras -o out.tflite": "export",
    "tflite_export explain model.keras": "export",
    "tflite_export quantization-error model.keras --calibration x.npz": (
        "export"
    ),
    "tflite_export.benchmark model.tflite": "export",
    "tflite_export.benchmark model.tflite --plot plot.png": "plot",
    "tflite_export.arm_check model.tflite": "export",
}
IMPORTS = {
    "keras_slr.plots": "plot",
    "examples.coco_metric": "vision",
    "examples.detect_keras_cv": "vision",
    "examples.detect_keras_hub": "vision",
    "examples.plot": "plot",
    "examples.smollm2": "language",
}
CALLS = {
    "tflite_export.convert(model, 'out.tflite')": "export",
    "tflite_export.explain(model)": "export",
    "tflite_export.smallest(model, 'out.tflite')": "export",
    "tflite_export.benchmark(['model.tflite'])": "export",
    "tflite_export.friendly": "export",
    "tflite_export.obstacles": "export",
    "benchmark.Benchmark((), 'accuracy', 2).plot()": "plot",
    "to_onnx(model, 'out.onnx')": "onnx",
    "keras_slr.merge_units(model)": "datasets",
    "prune_filters(model, score='vip', data=data)": "datasets",
    "prune_filters(model, score=Redundancy('centroid'))": "datasets",
    "tfmot.to_tfmot(model, 'out.h5')": "tfmot",
    "examples_data.load('svhn_cropped')": "datasets",
}


def main():
    said = {command: _run(command) for command in COMMANDS}
    names = _names()
    for name in IMPORTS:
        said[name] = _error_of(importlib.import_module, name)
    for call in CALLS:
        said[call] = _error_of(eval, call, names)
    print(json.dumps(said))


def _run(command):
    module, *arguments = command.split()
    sys.argv = [module, *arguments]
    said = io.StringIO()
    with contextlib.redirect_stderr(said):
        try:
            runpy.run_module(module, run_name="__main__", alter_sys=True)
        except SystemExit as exit:
            return f"{exit.code}: {said.getvalue().strip().splitlines()[-1]}"
        except Exception as error:
            return f"traceback of {error!r}"
    return "no error"


def _error_of(function, *arguments):
    try:
        function(*arguments)
    except Exception as error:
        return str(error)
    return "no error"


def _names():
    import keras
    import numpy as np

    import keras_slr

    model = keras.saving.load_model("model.keras")
    prune_filters = functools.partial(
        keras_slr.hard_prune,
        include=["class:Conv2D"],
        structure=keras_slr.Filter(),
    )
    x = np.load("x.npz")["x"]
    keras_slr.hard_prune(model, 0.5, include="default")
    return {
        "Redundancy": keras_slr.scores.Redundancy,
        "data": (x, np.zeros(len(x), int)),
        "prune_filters": prune_filters,
        "benchmark": importlib.import_module("tflite_export.benchmark"),
        "examples_data": importlib.import_module("examples.data"),
        "keras_slr": keras_slr,
        "model": model,
        "tflite_export": importlib.import_module("tflite_export"),
        "tfmot": importlib.import_module("keras_slr.interop.tfmot"),
        "to_onnx": importlib.import_module("keras_slr.interop.onnx").to_onnx,
    }


if __name__ == "__main__":
    main()
