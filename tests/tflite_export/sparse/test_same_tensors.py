"""The same weights give the same file from every backend."""

import importlib.util
import json
import os
import subprocess
import sys

import numpy as np
import pytest

BACKENDS = ("tensorflow", "jax", "torch")

SAVE = """
import sys
import keras
import numpy as np
from keras import layers

model = keras.Sequential([
    keras.Input((8, 8, 3)),
    layers.Conv2D(16, 3, use_bias=False),
    layers.BatchNormalization(),
    layers.ReLU(),
    layers.SeparableConv2D(24, 3),
    layers.GlobalAveragePooling2D(),
    layers.Dense(10),
], name="net")
rng = np.random.default_rng(5)
for variable in model.variables:
    w = rng.uniform(0.1, 1.0, variable.shape)
    if len(w.shape) > 1:
        w[rng.random(w.shape) < 0.8] = 0.0
    variable.assign(w)
model.save(sys.argv[1])
"""

CONVERT = """
import json
import sys
from tflite_export.conversion.child import run
from tflite_export.conversion.request import Job

for job in json.loads(sys.argv[1]):
    run(Job(*job))
"""


@pytest.mark.slow
@pytest.mark.once("runs all backends itself, once")
def test_tensors_are_the_same_to_the_bit(tmp_path):
    missing = [b for b in BACKENDS if importlib.util.find_spec(b) is None]
    if missing:
        pytest.skip(f"not installed: {missing}")
    samples = str(tmp_path / "samples.npz")
    np.savez(samples, x=np.random.default_rng(0).normal(size=(8, 8, 8, 3)))
    jobs = []
    for backend in BACKENDS:
        source = str(tmp_path / f"{backend}.keras")
        child(SAVE, source, backend)
        for quantize in (None, "int8"):
            out = str(tmp_path / f"{backend}_{quantize}.tflite")
            jobs.append([source, out, "auto", quantize, "size", samples])
    child(CONVERT, json.dumps(jobs), "tensorflow")
    for quantize in (None, "int8"):
        tensors = [read(tmp_path / f"{b}_{quantize}.tflite") for b in BACKENDS]
        assert len(tensors[0]) == 4
        assert tensors[1] == tensors[0]
        assert tensors[2] == tensors[0]


def child(code, argument, backend):
    subprocess.run(
        [sys.executable, "-c", code, argument],
        env={**os.environ, "KERAS_BACKEND": backend, "PYTHONWARNINGS": ""},
        check=True,
        stdout=subprocess.DEVNULL,
    )


def read(path):
    from tflite_export import flatbuffer

    model = flatbuffer.read(path)
    return {
        tensor.name: (
            tensor.type,
            bytes(model.buffers[tensor.buffer].data),
            flatbuffer.entries_of(model, tensor).tobytes(),
        )
        for tensor in flatbuffer.weight_tensors(model)
    }
