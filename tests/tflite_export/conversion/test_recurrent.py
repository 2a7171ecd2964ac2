"""Recurrent models, converted in one child process on TensorFlow."""

import json
import os
import subprocess
import sys

import keras
import numpy as np
import pytest
from keras import layers

from tests.helpers import slow_where_compiled
from tests.helpers import zeros
from tflite_export import convert

once = pytest.mark.once("conversions run on TensorFlow whatever the backend")

CHILD = """
import json
import pathlib
import sys

import keras
import numpy as np
from ai_edge_litert.interpreter import Interpreter
from keras import layers

from tests.tflite_export.conversion.recurrent_models import MODELS
from tflite_export.conversion import child
from keras_slr_base.failure import Failure
from tflite_export.conversion.request import Job

folder = pathlib.Path(sys.argv[1])
rng = np.random.default_rng(0)


def difference(model, path):
    '''Largest of three calls in a row, relative to the largest output.'''
    runner = Interpreter(path).get_signature_runner()
    keras_calls, file_calls = [], []
    for _ in range(3):
        inputs = {}
        for name, details in runner.get_input_details().items():
            if details["dtype"] == np.float32:
                x = rng.standard_normal(details["shape"]).astype("float32")
            else:
                x = rng.integers(0, 4, details["shape"], dtype="int32")
            inputs[name] = x
        (x,) = inputs.values()
        y = keras.tree.flatten(model(x, training=False))
        z = runner(**inputs)
        keras_calls.append([keras.ops.convert_to_numpy(v) for v in y])
        file_calls.append([z[name] for name in sorted(z)])
    return max(
        float(np.abs(y - z).max() / np.abs(y).max())
        for call in zip(keras_calls, file_calls)
        for y, z in zip(*call)
    )


answers = {}
for name, quantize in json.loads(sys.argv[2]):
    keras.utils.set_random_seed(1)
    model = MODELS[name]()
    for weight in model.weights:
        if weight.name == "bias":
            weight.assign(rng.normal(size=weight.shape))
    source, out = str(folder / "model.keras"), str(folder / "model.tflite")
    model.save(source)
    samples = None
    if quantize and "int" in quantize:
        samples = str(folder / "samples.npz")
        size = model.inputs[0].shape[1:]
        x = rng.standard_normal((30, *size))
        if model.inputs[0].dtype == "int32":
            x = rng.integers(0, 4, x.shape)
        np.savez(samples, x=x)
    try:
        answer = child.run(Job(source, out, "auto", quantize, "arm", samples))
        answer["difference"] = difference(model, out)
    except Failure as failure:
        answer = {"failure": str(failure)}
    answers[f"{name} {quantize}"] = answer
print("answers:", json.dumps(answers))
"""


def converted(folder, pairs):
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(folder), json.dumps(pairs)],
        env={**os.environ, "KERAS_BACKEND": "tensorflow"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.split("answers:")[1])


FLOAT = (
    "LSTM",
    "GRU",
    "Bidirectional",
    "ConvLSTM2D",
    "stateful",
    "fixed batch",
)


@once
def test_float32_equals_keras(tmp_path):
    answers = converted(tmp_path, [(name, None) for name in FLOAT])
    for name, answer in answers.items():
        assert answer.get("failure") is None, name
        assert answer["difference"] < 1e-5, name
    sizes = {name: answer["batch"] for name, answer in answers.items()}
    assert sizes.pop("fixed batch None") == 4
    assert set(sizes.values()) == {1}


@once
def test_int8_writes_out_the_steps(tmp_path):
    answer = converted(tmp_path, [("LSTM", "int8")])["LSTM int8"]
    assert answer["difference"] < 0.1
    assert {w["dtype"] for w in answer["weights"]} == {"int8"}


@pytest.mark.slow
@once
def test_every_kind_in_every_form(tmp_path):
    from tests.tflite_export.conversion.recurrent_models import MODELS

    forms = (None, "float16", "dynamic", "int8", "int16x8")
    limits = {None: 1e-5, "float16": 1e-2, "dynamic": 0.1}
    pairs = [(name, form) for name in MODELS for form in forms]
    answers = converted(tmp_path, pairs)
    for name, form in pairs:
        answer = answers[f"{name} {form}"]
        if "failure" in answer:
            assert form in ("int8", "int16x8"), (name, form, answer)
            assert "choose" in answer["failure"], (name, form, answer)
        else:
            assert answer["difference"] < limits.get(form, 0.4), (name, form)


@slow_where_compiled
def test_pruned_model_of_any_backend(tmp_path):
    model = keras.Sequential(
        [
            keras.Input((5, 8)),
            layers.LSTM(16, name="memory"),
            layers.Dense(4, name="head"),
        ]
    )
    cell = model.layers[0].cell
    rng = np.random.default_rng(0)
    for kernel in (cell.kernel, cell.recurrent_kernel):
        kept = rng.random(kernel.shape) > 0.75
        kernel.assign(keras.ops.convert_to_numpy(kernel) * kept)
    stages = []
    conversion = convert(model, tmp_path / "out.tflite", progress=stages.append)
    found = {w.shape: w.zeros for w in conversion.weights}
    assert found == {
        (64, 8): zeros(cell.kernel),
        (64, 16): zeros(cell.recurrent_kernel),
        (4, 16): 0,
    }
    assert found[64, 8] > 300
    assert conversion.batch == 1
    assert conversion.max_difference < 1e-6
    assert "takes 1 at a time" in str(conversion)
    assert stages[1:3] == [
        "convert to float32",
        "convert to float32 at batch size 1",
    ]
    # Its loop, which integers are not calibrated for.
    from ai_edge_litert.interpreter import Interpreter

    from keras_slr_base.failure import Failure
    from tflite_export.conversion.loops import check_loops
    from tflite_export.flatbuffer import read

    with pytest.raises(Failure, match="in `memory.*choose 'dynamic'"):
        check_loops(read(conversion.path), "int8")
    runner = Interpreter(conversion.path).get_signature_runner()
    (name,) = runner.get_input_details()
    x = rng.normal(size=(1, 5, 8)).astype("float32")
    np.testing.assert_allclose(
        runner(**{name: x})["output_0"],
        keras.ops.convert_to_numpy(model(x)),
        rtol=1e-5,
        atol=1e-6,
    )
