"""Files that unpack to far more than they take up are not unpacked."""

import gzip
import tracemalloc
import zipfile

import keras
import numpy as np
import pytest

from keras_slr.data import load
from keras_slr.files.model_files import load_model
from keras_slr.interop.csr import load_csr
from keras_slr_base.archive import inflation
from tflite_export import convert
from tflite_export.conversion.calibration import as_arrays

pytestmark = pytest.mark.once("no backend has a part in it")
_SIZE = 300_000_000


@pytest.fixture(scope="module")
def bomb(tmp_path_factory):
    """A zip file of little more than 1 MB that holds 300 MB."""
    path = tmp_path_factory.mktemp("bomb") / "bomb"
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, True, 1) as archive,
        archive.open("x.npy", "w") as file,
    ):
        np.save(file, np.zeros(_SIZE, "uint8"))
    assert path.stat().st_size < _SIZE / 200
    return path


@pytest.fixture
def little_memory():
    tracemalloc.start()
    yield
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < _SIZE / 10


@pytest.mark.parametrize(
    "suffix, read",
    [
        (".keras", load_model),
        (".keras", lambda path: convert(path, path.with_suffix(".tflite"))),
        (".npz", load),
        (".npz", load_csr),
        (".npz", as_arrays),
    ],
    ids=["load_model", "convert", "data", "csr", "calibration"],
)
def test_a_bomb(bomb, tmp_path, little_memory, suffix, read):
    path = tmp_path / f"bomb{suffix}"
    path.hardlink_to(bomb)
    with pytest.raises(ValueError, match="unpacks to 300 MB, more than 100"):
        read(path)


def test_a_bomb_beside_honest_members(tmp_path):
    path = tmp_path / "file.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("honest", bytes(4_000_000))
        for i in range(4):
            archive.writestr(f"{i}", bytes(1_000_000), zipfile.ZIP_DEFLATED)
            archive.infolist()[-1].file_size = 90_000_000
    assert "360 MB" in inflation(path)


def test_files_that_are_meant_pass(tmp_path):
    keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)]).save(
        tmp_path / "model.keras"
    )
    rng = np.random.default_rng(0)
    weight = rng.normal(size=1_000_000).astype("float32")
    weight[rng.random(weight.size) < 0.99] = 0
    np.savez_compressed(tmp_path / "sparse.npz", weight)
    with zipfile.ZipFile(tmp_path / "sparse.npz", "a") as archive:
        # As if it were a thousand times as large.
        (member,) = archive.infolist()
        member.file_size *= 1000
        member.compress_size *= 1000
        archive.comment = b"written again"
    # Small, however far it unpacks.
    np.savez_compressed(tmp_path / "zeros.npz", np.zeros(1_000_000))
    (tmp_path / "text").write_text("no archive")
    for path in tmp_path.iterdir():
        assert inflation(path) is None, path


def test_bytes_behind_an_idx_file(tmp_path, little_memory):
    """The format of the MNIST files says how much of it there is to read."""
    folder = tmp_path / "mnist"
    folder.mkdir()
    head = b"\x00\x00\x08\x03" + b"".join(
        n.to_bytes(4, "big") for n in (2, 3, 3)
    )
    with gzip.open(folder / "train-images-idx3-ubyte.gz", "wb", 1) as file:
        file.write(head)
        for _ in range(_SIZE // 1_000_000):
            file.write(bytes(1_000_000))
    with pytest.raises(ValueError, match="something else or cut short"):
        load("mnist", tmp_path)
