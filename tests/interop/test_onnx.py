"""ONNX files, read with ONNX's own packages."""

import os

import keras
import numpy as np
import pytest

from keras_slr.interop.onnx import to_onnx
from tests.helpers import zeros
from tests.interop import models

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")


def test_zeros_and_outputs(tmp_path):
    model = models.prune(models.branched())
    path = tmp_path / "model.onnx"
    before = dict(os.environ)
    exported = to_onnx(model, path)
    assert dict(os.environ) == before
    assert list(tmp_path.iterdir()) == [path]

    stored = {}
    for entry in onnx.load(str(path)).graph.initializer:
        weight = onnx.numpy_helper.to_array(entry)
        stored[weight.size] = weight.size - np.count_nonzero(weight)
    assert {size: stored[size] for size, _ in models.KERNELS.values()} == dict(
        models.KERNELS.values()
    )
    kernels = [v for v in model.weights if len(v.shape) > 1]
    assert exported.zeros == sum(map(zeros, kernels)) == 4166
    # The norm behind `mixed` is not folded; it scales and shifts 8 channels.
    assert exported.size == sum(int(np.prod(v.shape)) for v in kernels) + 16

    session = onnxruntime.InferenceSession(str(path))
    x, _ = models.data()
    (received,) = session.run(None, {session.get_inputs()[0].name: x})
    expected = keras.ops.convert_to_numpy(model(x, training=False))
    np.testing.assert_allclose(received, expected, rtol=1e-4, atol=1e-6)
    assert exported.max_difference < 1e-5


def test_arguments(tmp_path):
    with pytest.raises(ValueError, match="ends in .onnx"):
        to_onnx(models.sequential(), tmp_path / "model.bin")
    with pytest.raises(TypeError, match="Keras 3 model"):
        to_onnx(3, tmp_path / "model.onnx")


@pytest.mark.once("the child that converts runs on TensorFlow")
def test_packages_that_are_missing(tmp_path, monkeypatch):
    folder = tmp_path / "shadow"
    folder.mkdir()
    (folder / "onnx.py").write_text(
        "raise ModuleNotFoundError(\"No module named 'onnx'\")"
    )
    monkeypatch.syspath_prepend(folder)
    with pytest.raises(RuntimeError, match=r"keras-slr\[onnx\]"):
        to_onnx(models.sequential(), tmp_path / "out.onnx")
    assert list(tmp_path.iterdir()) == [folder]
