"""What sparse inference does on ARM64, under emulation. `make test-arm`"""

import pathlib
import shutil
import subprocess
import sys

import keras
import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

import keras_slr
from tests.tflite_export.xnnpack.sparse_inference_models import CASES
from tests.tflite_export.xnnpack.sparse_inference_models import encode_sparsely
from tests.tflite_export.xnnpack.sparse_inference_models import is_pointwise
from tflite_export import convert
from tflite_export import explain
from tflite_export import friendly
from tflite_export.arm_check import EmulationError
from tflite_export.arm_check import arm_check
from tflite_export.arm_check import emulate
from tflite_export.arm_check import emulate_all
from tflite_export.arm_check.check import judge
from tflite_export.flatbuffer import read
from tflite_export.xnnpack.sparse_start import sparse_inference

ROOT = pathlib.Path(__file__).parents[3] / ".arm"
RATE = 0.9
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        shutil.which("qemu-aarch64") is None or not ROOT.exists(),
        reason="needs qemu-aarch64, and the folder that `make test-arm` makes",
    ),
    pytest.mark.once("the same on every backend: it looks at TFLite files"),
]


def random_inputs(path):
    runner = Interpreter(str(path)).get_signature_runner()
    ((name, details),) = runner.get_input_details().items()
    x = np.random.default_rng(0).normal(size=details["shape"])
    return {name: x.astype("float32")}


@pytest.fixture(scope="module")
def found(folder):
    """What each case does: encoded, and dense."""
    jobs = []
    for name in CASES:
        dense = folder / f"{name}.tflite"
        inputs = random_inputs(dense)
        jobs += [(folder / f"{name}.sparse.tflite", inputs), (dense, inputs)]
    answers = emulate_all(jobs, ROOT)
    return {
        name: judge(*answers[2 * i : 2 * i + 2]) for i, name in enumerate(CASES)
    }


@pytest.mark.parametrize("name", CASES)
def test_case(found, name):
    case, found = CASES[name], found[name]
    assert found.engages == case.engages
    if case.right is None:
        assert "failed to" in found.failure
    else:
        assert found.failure is None
        # Wrong is far from rounding.
        low, high = (0.0, 1e-5) if case.right else (1e-4, np.inf)
        assert low <= found.difference <= high


@pytest.mark.parametrize("name", ["plain", "head_convolution"])
def test_dense_file_is_right(folder, name):
    path = folder / f"{name}.tflite"
    inputs = random_inputs(path)
    expected = Interpreter(str(path)).get_signature_runner()(**inputs)
    received = emulate(path, inputs, ROOT)
    for key in expected:
        np.testing.assert_allclose(
            received[key], expected[key], rtol=1e-4, atol=1e-5
        )


def test_file_that_does_not_run(tmp_path):
    path = tmp_path / "bad.tflite"
    path.write_bytes(b"no model")
    with pytest.raises(EmulationError, match="bad.tflite to run on ARM64"):
        emulate(path, {}, ROOT)


def test_command_line(folder):
    def run(name):
        command = [sys.executable, "-m", "tflite_export.arm_check"]
        command += [str(folder / name), "--root", str(ROOT)]
        return subprocess.run(command, capture_output=True, text=True)

    done = run("plain.sparse.tflite")
    assert (done.returncode, done.stderr.count("Error")) == (0, 0)
    assert "sparse kernels start: yes" in done.stdout
    done = run("outputs_second_head.sparse.tflite")
    assert done.returncode == 1
    assert "sparse kernels start: yes" in done.stdout


def pruned(model):
    """Prunes a model by SLR on images in which one color tells the class.

    Returns:
        An array, one of the images.
    """
    rng = np.random.default_rng(0)
    y = rng.integers(0, 10, 64)
    x = rng.normal(size=(64, 96, 96, 3)).astype("float32")
    x[..., 0] += y[:, None, None] - 4.5
    names = [layer.name for layer in model.layers if is_pointwise(layer)]
    for layer in model.layers:
        # Statistics that follow within so few steps keep the signal alive.
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.5
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss)
    callback = keras_slr.SLRCallback(RATE, allocation="uniform", include=names)
    model.fit(x, y, batch_size=16, epochs=3, verbose=0, callbacks=[callback])
    return x[:1]


@pytest.mark.parametrize("is_friendly", [True, False])
@pytest.mark.parametrize("name", ["MobileNet", "MobileNetV2"])
def test_mobilenet(name, is_friendly, tmp_path):
    model = getattr(keras.applications, name)(
        input_shape=(96, 96, 3),
        alpha={"MobileNet": 0.25, "MobileNetV2": 0.35}[name],
        weights=None,
        classes=10,
        classifier_activation=None,
    )
    if is_friendly:
        model = friendly(model)
    x = pruned(model)
    dense, path = tmp_path / "dense.tflite", tmp_path / "sparse.tflite"
    convert(model, dense, sparsity="none")
    if is_friendly:
        convert(model, path, target="arm")
    else:
        encode_sparsely(dense, path)
    assert path.stat().st_size < 0.6 * dense.stat().st_size
    judged = sparse_inference(read(dense))
    assert (judged.engages, judged.safe) == (is_friendly, True)
    told = str(explain(model, target="arm"))
    assert ("sparse convolutions do not engage" in told) == (not is_friendly)
    (input_name,) = random_inputs(dense)
    found = arm_check(path, {input_name: x}, ROOT)
    assert found.engages == is_friendly
    (received,) = found.outputs.values()
    expected = keras.ops.convert_to_numpy(model(x, training=False))
    np.testing.assert_allclose(received, expected, rtol=0, atol=1e-4)
    # What is compared depends on the image.
    assert np.ptp(expected) > 1e-2
