"""Every way to quantize with every sparse encoding, on small models.

All run in one child process: a file of a combination that should have been
refused may take the process down.
"""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from tflite_export.conversion.options import QUANTIZE

pytestmark = pytest.mark.once(
    "conversions run on TensorFlow whatever the backend"
)

CHILD = """
import json
import os
import shutil
import sys

import keras
import numpy as np
from keras import layers

from tflite_export.conversion import child
from tflite_export.sparse import choice
from tflite_export.conversion.agreement import agreement
from tflite_export.sparse.encodable_weights import encodable_weights
from tflite_export.conversion.options import QUANTIZE
from tflite_export.sparse.encoded_model import encode_weights
from keras_slr_base.failure import Failure
from tflite_export.flatbuffer import read
from tflite_export.flatbuffer import weights_of
from tflite_export.flatbuffer import write
from tflite_export.conversion.request import Job
from tflite_export.xnnpack.sparse_start import SparseInference
from tflite_export.conversion.zeros_kept import check_zeros

folder = sys.argv[1]
rng = np.random.default_rng(0)
keras.utils.set_random_seed(3)
models = {
    "cnn": keras.Sequential([
        keras.Input((12, 12, 3)),
        layers.Conv2D(16, 3, activation="relu", name="stem"),
        layers.DepthwiseConv2D(3, name="depthwise"),
        layers.Conv2D(64, 1, activation="relu", name="narrow"),
        layers.Conv2D(24, 3, activation="relu", name="wide"),
        layers.GlobalAveragePooling2D(),
        layers.Dense(64, activation="relu", name="blocks"),
        layers.Dense(10, name="entries"),
    ]),
    "mlp": keras.Sequential([
        keras.Input((64,)),
        layers.Dense(128, activation="relu", name="blocks"),
        layers.Dense(64, activation="relu", name="entries"),
        layers.Dense(10, name="head"),
    ]),
}
for model in models.values():
    for layer in model.layers:
        if layer.name in ("narrow", "wide", "blocks", "entries"):
            shape = layer.kernel.shape
            if layer.name == "blocks":
                keep = rng.random((shape[0] // 4, shape[1])) > 0.85
                keep = np.repeat(keep, 4, axis=0)
            else:
                keep = rng.random(shape) > 0.85
            layer.kernel.assign(np.where(keep, 3 * layer.kernel, 0))

# A head of 1x1 convolutions, wrong on ARM once it is encoded; and samples of
# another shape.
head = keras.Sequential([
    keras.Input((16, 16, 3)),
    layers.ZeroPadding2D(1),
    layers.Conv2D(16, 3, strides=2, use_bias=False),
    layers.ReLU(),
    layers.Conv2D(32, 1),
    layers.ReLU(),
    layers.GlobalAveragePooling2D(keepdims=True),
    layers.Conv2D(8, 1),
])
for layer in head.layers:
    if isinstance(layer, layers.Conv2D) and layer.kernel_size == (1, 1):
        keep = rng.random(layer.kernel.shape) > 0.9
        layer.kernel.assign(np.where(keep, layer.kernel, 0))
source = os.path.join(folder, "head.keras")
samples = os.path.join(folder, "samples.npz")
out = os.path.join(folder, "out.tflite")
head.save(source)
np.savez(samples, x=np.zeros((4, 12, 12, 3)))
answers = {}
for key, sparsity, given in (
    ("head", "encode", None), ("samples", "none", samples)
):
    try:
        child.run(Job(source, out, sparsity, None, "arm", given))
        answers[key] = "converts"
    except Failure as failure:
        answers[key] = str(failure)

# What a topology that sparse inference is right for would say.
choice.sparse_inference = lambda model: engine
for name, model in models.items():
    x = rng.normal(size=(40, *model.input_shape[1:])).astype("float32")
    np.savez(samples, x=x)
    for quantize in QUANTIZE:
        dense = os.path.join(folder, f"{name}_{quantize}.tflite")
        job = Job("", dense, "none", quantize, "arm", samples)
        taken = child.write_dense(job, model)
        answers[f"{name} {quantize} none"] = child.compare(job, model, taken)
        for sparsity, target, engages in (
            ("encode", "arm", False),
            ("auto", "arm", True),
            ("auto", "x86", False),
            ("auto", "size", False),
            ("auto", "micro", False),
        ):
            engine = SparseInference(engages, True, ())
            shutil.copy(dense, out)
            job = Job("", out, sparsity, quantize, target, samples)
            try:
                child.write_sparse(job)
                answer = child.compare(job, model, taken)
                answer["bytes"] = os.path.getsize(out)
            except Failure as failure:
                answer = {"failure": str(failure)}
            answers[f"{name} {quantize} {sparsity} {target}"] = answer

# The same topologies, where sparse inference is not right.
engine = SparseInference(True, False, ("of a reason",))
for quantize in (None, "float16", "int8"):
    for sparsity, target in (("encode", "x86"), ("auto", "size")):
        shutil.copy(os.path.join(folder, f"cnn_{quantize}.tflite"), out)
        job = Job("", out, sparsity, quantize, target, None)
        try:
            child.write_sparse(job)
            answer = [w.encoding for w in weights_of(out)]
        except Failure as failure:
            answer = str(failure)
        answers[f"unsafe {quantize} {sparsity}"] = answer

# What the table leaves out, made by force.
for name, quantize, kind, form in (
    ("cnn", "dynamic", "convolution", "entries"),
    ("mlp", "dynamic", "Dense", "entries"),
    ("mlp", "int8", "Dense", "entries"),
    ("mlp", "float16", "Dense", "blocks"),
):
    model = read(os.path.join(folder, f"{name}_{quantize}.tflite"))
    encode_weights(model, {
        weight.key: form
        for weight in encodable_weights(model)
        if weight.kind == kind and weight.zeros > weight.entries.size / 2
    })
    write(model, out)
    try:
        agreement(models[name], out, "dynamic")
        answer = "right"
    except Exception as error:
        answer = str(error)
    answers[f"forced {name} {quantize} {kind} {form}"] = answer

# A file that has lost a single zero.
model = read(os.path.join(folder, "cnn_int8.tflite"))
before = read(os.path.join(folder, "cnn_None.tflite"))
weight = next(w for w in encodable_weights(model) if w.entries.shape[0] == 24)
changed = weight.entries.copy()
changed[np.unravel_index(np.argmin(np.abs(changed)), changed.shape)] = 1
tensor = model.subgraphs[0].tensors[weight.key[1]]
check_zeros(before, model)
model.buffers[tensor.buffer].data = np.frombuffer(changed.tobytes(), "uint8")
try:
    check_zeros(before, model)
    answers["lost"] = "kept"
except Failure as failure:
    answers["lost"] = str(failure)

# A file with other numbers than the model.
for quantize in (None, "int8", "int16x8"):
    path = os.path.join(folder, f"cnn_{quantize}.tflite")
    model = read(path)
    for weight in encodable_weights(model):
        if weight.entries.shape[0] == 64:
            tensor = model.subgraphs[0].tensors[weight.key[1]]
            model.buffers[tensor.buffer].data = np.frombuffer(
                weight.entries[::-1].tobytes(), "uint8"
            )
    write(model, out)
    try:
        agreement(models["cnn"], out, quantize)
        answers[f"wrong {quantize}"] = "agrees"
    except Failure as failure:
        answers[f"wrong {quantize}"] = str(failure)

with open(os.path.join(folder, "answers.json"), "w") as file:
    json.dump(answers, file)
"""


@pytest.fixture(scope="module")
def answers(tmp_path_factory):
    folder = tmp_path_factory.mktemp("combinations")
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(folder)],
        env={
            **os.environ,
            "KERAS_BACKEND": "tensorflow",
            "PYTHONPATH": os.getcwd(),
        },
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads((folder / "answers.json").read_text())


# Shapes in the file of the layers that are pruned.
SHAPES = {
    "cnn": {
        "narrow": [64, 1, 1, 16],
        "wide": [24, 3, 3, 64],
        "blocks": [64, 24],
        "entries": [10, 64],
    },
    "mlp": {"blocks": [128, 64], "entries": [64, 128]},
}
# The layers that are encoded and the form, by `quantize`.
SINGLE = {"narrow": "sparse", "wide": "sparse", "entries": "sparse"}
ENCODED = {
    None: {**SINGLE, "blocks": "sparse blocks"},
    "float16": {**SINGLE, "blocks": "sparse"},
    "int8": {"narrow": "sparse", "wide": "sparse"},
}
# What `"auto"` encodes. For ARM the answers were asked as if the sparse
# convolutions engaged, beside which blocks are not used.
BLOCKS = {"blocks": "sparse blocks"}
AUTO = {
    ("cnn", None, "arm"): {"narrow": "sparse"},
    ("cnn", "float16", "arm"): {"narrow": "sparse"},
    ("mlp", None, "arm"): BLOCKS,
    ("cnn", None, "x86"): BLOCKS,
    ("mlp", None, "x86"): BLOCKS,
}
# Weights of 4 bits have 15 values, where those of 8 bits have 255.
LOSSY = {None: 1e-6, "float16": 2e-3, "weights_int4": 0.5}


def encodings(answer):
    return {
        tuple(weight["shape"]): weight["encoding"]
        for weight in answer["weights"]
        if weight["encoding"] != "dense"
    }


def zeros_by_shape(answer):
    return {tuple(w["shape"]): w["zeros"] for w in answer["weights"]}


def by_shape(name, forms):
    shapes = SHAPES[name]
    return {
        tuple(shapes[layer]): form
        for layer, form in forms.items()
        if layer in shapes
    }


@pytest.mark.parametrize("name", ["cnn", "mlp"])
def test_files_run_right(answers, name):
    scale = 0.05 if name == "cnn" else 1.0
    for quantize in QUANTIZE:
        dense = answers[f"{name} {quantize} none"]
        assert encodings(dense) == {}
        limit = LOSSY.get(quantize, 0.05) * scale
        assert 0 <= dense["max_difference"] < limit
        zeros = zeros_by_shape(dense)
        for shape in SHAPES[name].values():
            size = np.prod(shape)
            assert 0.8 < zeros[tuple(shape)] / size < 0.9
        for ask in ("encode arm", "auto arm", "auto x86", "auto size"):
            answer = answers[f"{name} {quantize} {ask}"]
            if "failure" in answer:
                continue
            further = answer["max_difference"] - dense["max_difference"]
            assert abs(further) < 1e-6
            assert answer["same_argmax"] == dense["same_argmax"]
            assert zeros_by_shape(answer) == zeros


@pytest.mark.parametrize("name", ["cnn", "mlp"])
def test_what_is_encoded(answers, name):
    for quantize, forms in ENCODED.items():
        answer = answers[f"{name} {quantize} encode arm"]
        if (name, quantize) == ("mlp", "int8"):
            assert "unless in int8, Dense" in answer["failure"]
        else:
            assert encodings(answer) == by_shape(name, forms)
            full = answers[f"{name} {quantize} auto micro"]
            assert answer["bytes"] < 0.7 * full["bytes"]
    for quantize in QUANTIZE:
        for target in ("arm", "x86", "micro"):
            answer = answers[f"{name} {quantize} auto {target}"]
            expected = by_shape(name, AUTO.get((name, quantize, target), {}))
            assert encodings(answer) == expected, (quantize, target)
    for quantize in ("dynamic", "int8", "int16x8"):
        # Dense integers are the smallest once they are compressed.
        assert encodings(answers[f"{name} {quantize} auto size"]) == {}
    assert encodings(answers[f"{name} None auto size"]) == by_shape(
        name, ENCODED[None]
    )


def test_unsafe_topology(answers):
    assert "wrong numbers on ARM" in answers["head"]
    for quantize in (None, "float16"):
        told = answers[f"unsafe {quantize} encode"]
        assert "wrong numbers on ARM" in told
        assert "(of a reason)" in told
        assert set(answers[f"unsafe {quantize} auto"]) == {"dense"}
    # Among integers sparse convolutions never engage.
    assert answers["unsafe int8 encode"].count("sparse") == 2


def test_what_is_refused_does_not_load(answers):
    forced = [key for key in answers if key.startswith("forced")]
    assert len(forced) == 4
    for key in forced:
        assert "failed to prepare" in answers[key], key


def test_samples_that_do_not_fit(answers):
    assert "(16, 16, 3) where the calibration data has" in answers["samples"]


def test_zeros_that_are_lost(answers):
    assert "loses zeros of `" in answers["lost"]
    assert "/wide" in answers["lost"]


def test_other_numbers_are_found(answers):
    for quantize in (None, "int8", "int16x8"):
        assert "other values of `output_0`" in answers[f"wrong {quantize}"]
