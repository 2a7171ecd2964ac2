"""Compressed rows, against SciPy."""

import keras
import numpy as np
import pytest
from keras import layers

from keras_slr.interop.csr import load_csr
from keras_slr.interop.csr import save_csr
from tests.interop import models


def test_weights_in_compressed_rows(tmp_path):
    sparse = pytest.importorskip("scipy.sparse")
    model = models.prune(models.branched())
    # A row and a whole kernel of zeros.
    wide = model.get_layer("wide").kernel
    entries = np.array(keras.ops.convert_to_numpy(wide.value))
    entries[0, 0, :2] = 0.0
    wide.assign(entries)
    path = tmp_path / "weights.npz"
    save_csr(model, path)
    assert list(tmp_path.iterdir()) == [path]

    loaded = load_csr(path)
    assert list(loaded) == [v.path for v in model.weights]
    for variable in model.weights:
        expected = keras.ops.convert_to_numpy(variable.value)
        np.testing.assert_array_equal(loaded[variable.path], expected)
        assert loaded[variable.path].dtype == expected.dtype

    with np.load(path) as file:
        for name in models.KERNELS:
            kernel = f"{name}/kernel"
            if name == "mixed":
                kernel = "mixed/pointwise_kernel"
            parts = [
                file[f"{kernel}/{p}"] for p in ("data", "indices", "indptr")
            ]
            weight = loaded[kernel]
            expected = sparse.csr_matrix(
                weight.reshape(-1, weight.shape[-1])
            ).sorted_indices()
            np.testing.assert_array_equal(parts[0], expected.data)
            np.testing.assert_array_equal(parts[1], expected.indices)
            np.testing.assert_array_equal(parts[2], expected.indptr)
            assert tuple(file[f"{kernel}/shape"]) == weight.shape
        assert "deep/kernel/dense" in file.files
        assert "head/bias/dense" in file.files


def test_a_kernel_of_zeros(tmp_path):
    model = keras.Sequential([keras.Input((4,)), layers.Dense(3, name="d")])
    model.layers[0].kernel.assign(np.zeros((4, 3)))
    save_csr(model, tmp_path / "w.npz")
    weights = load_csr(tmp_path / "w.npz")
    (kernel, bias) = (weights[v.path] for v in model.weights)
    assert kernel.shape == (4, 3) and not kernel.any()
    assert bias.shape == (3,)


def test_files_that_are_none(tmp_path):
    path = tmp_path / "w.npz"
    with pytest.raises(FileNotFoundError):
        load_csr(path)
    path.write_bytes(b"nothing")
    with pytest.raises(ValueError, match="file of `save_csr`, received .*w.n"):
        load_csr(path)
    with pytest.raises(ValueError, match="ends in .npz"):
        save_csr(models.sequential(), tmp_path / "w.csv")
    with pytest.raises(TypeError, match="Keras 3 model"):
        save_csr(3, path)
    assert path.read_bytes() == b"nothing"
