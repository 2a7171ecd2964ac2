"""Data sets by name and from files."""

import gzip
import pathlib
import struct
import sys

import keras
import numpy as np
import pytest

from keras_slr.data import load

pytestmark = pytest.mark.once("reads files")

SHARED = pathlib.Path(__file__).parents[2] / "shared" / "data"


def write_idx(path, array):
    head = b"\x00\x00\x08" + bytes([array.ndim])
    head += struct.pack(f">{array.ndim}I", *array.shape)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(head + array.astype("uint8").tobytes()))


@pytest.fixture
def mnist_like():
    rng = np.random.default_rng(0)
    return {
        "train-images-idx3-ubyte.gz": rng.integers(0, 256, (5, 28, 28)),
        "train-labels-idx1-ubyte.gz": np.array([3, 1, 4, 1, 5]),
        "t10k-images-idx3-ubyte.gz": rng.integers(0, 256, (2, 28, 28)),
        "t10k-labels-idx1-ubyte.gz": np.array([9, 2]),
    }


def test_digits_are_those_of_scikit_learn_in_another_order():
    from sklearn.datasets import load_digits

    data = load("digits")
    assert data.x_train.shape == (1437, 8, 8, 1)
    assert data.x_test.shape == (360, 8, 8, 1)
    assert data.x_train.dtype == data.x_test.dtype == np.float32
    assert np.issubdtype(data.y_train.dtype, np.integer)
    # Every image is there once, with its own label.
    original = load_digits()
    rows = {
        (image.tobytes(), label)
        for image, label in zip(
            original.images.astype("float32"), original.target.tolist()
        )
    }
    x = np.concatenate([data.x_train, data.x_test])[..., 0] * 16
    y = np.concatenate([data.y_train, data.y_test])
    loaded = [(image.tobytes(), int(label)) for image, label in zip(x, y)]
    assert len(loaded) == len(original.target) and set(loaded) == rows
    assert not np.array_equal(y, original.target)


def test_digits_come_in_the_same_order_every_time():
    first = load("digits")
    np.random.seed(7)
    assert np.array_equal(first.x_test, load("digits").x_test)


def test_digits_without_scikit_learn_say_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(ImportError, match=r"keras-slr\[datasets\]"):
        load("digits")


@pytest.mark.parametrize(
    "name, folder",
    [
        ("mnist", "mnist"),
        ("fashion_mnist", "fashion-mnist"),
        ("fashion-mnist", "fashion_mnist"),
    ],
)
def test_local_idx_files(tmp_path, mnist_like, name, folder):
    for file, array in mnist_like.items():
        write_idx(tmp_path / folder / file, array)
    data = load(name, tmp_path)
    assert data.x_train.shape == (5, 28, 28, 1)
    images = mnist_like["t10k-images-idx3-ubyte.gz"]
    assert np.allclose(data.x_test[..., 0], images / 255, atol=1e-7)
    assert data.y_train.tolist() == [3, 1, 4, 1, 5]
    assert data.y_test.tolist() == [9, 2]


def test_missing_idx_file_is_named(tmp_path, mnist_like):
    for file, array in list(mnist_like.items())[:3]:
        write_idx(tmp_path / "mnist" / file, array)
    with pytest.raises(FileNotFoundError, match="t10k-labels-idx1-ubyte.gz"):
        load("mnist", tmp_path)


@pytest.mark.parametrize("kind", ["text", "cut gzip", "short", "wrong rank"])
def test_damaged_idx_file_is_named(tmp_path, mnist_like, kind):
    for file, array in mnist_like.items():
        write_idx(tmp_path / "mnist" / file, array)
    path = tmp_path / "mnist" / "train-labels-idx1-ubyte.gz"
    whole = path.read_bytes()
    damaged = {
        "text": b"not a gzip file",
        "cut gzip": whole[:-9],
        "short": gzip.compress(gzip.decompress(whole)[:-1]),
        "wrong rank": (path.parent / "t10k-images-idx3-ubyte.gz").read_bytes(),
    }
    path.write_bytes(damaged[kind])
    with pytest.raises(ValueError, match="train-labels-idx1-ubyte.gz"):
        load("mnist", tmp_path)


def test_local_cifar10(tmp_path):
    x = np.random.default_rng(0).integers(0, 256, (6, 32, 32, 3), "uint8")
    y = np.arange(6, dtype="uint8")[:, None]
    (tmp_path / "cifar10").mkdir()
    np.savez(
        tmp_path / "cifar10" / "cifar10.npz",
        x_train=x[:4],
        y_train=y[:4],
        x_test=x[4:],
        y_test=y[4:],
    )
    data = load("cifar10", tmp_path)
    assert np.allclose(data.x_train, x[:4] / 255, atol=1e-7)
    assert data.x_train.dtype == np.float32
    assert data.y_test.tolist() == [4, 5]


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist", "cifar10"])
def test_download_goes_through_keras(monkeypatch, name):
    x = np.full((2, 32, 32, 3) if name == "cifar10" else (2, 28, 28), 51)
    y = np.array([[7], [8]], "uint8")
    module = getattr(keras.datasets, name)
    monkeypatch.setattr(module, "load_data", lambda: ((x, y), (x, y)))
    data = load(name)
    assert data.x_train.ndim == 4 and np.allclose(data.x_train, 0.2)
    assert data.y_test.tolist() == [7, 8]


def test_failed_download_points_to_data_dir(monkeypatch):
    def fail():
        raise Exception("URL fetch failure")

    monkeypatch.setattr(keras.datasets.mnist, "load_data", fail)
    with pytest.raises(ConnectionError, match="failure: give .* `data_dir`"):
        load("mnist")


def test_npz_comes_as_stored(tmp_path):
    x = np.arange(12).reshape(6, 2)
    y = np.arange(6) / 2
    np.savez(
        tmp_path / "d.npz", x_train=x[:4], y_train=y[:4], x_test=x[4:],
        y_test=y[4:], other=[1],
    )  # fmt: skip
    data = load(tmp_path / "d.npz")
    assert np.array_equal(data.x_train, x[:4]) and data.x_train.dtype == x.dtype
    assert np.array_equal(data.y_test, y[4:])


@pytest.mark.parametrize("names", [("x", "y"), ("x_train", "y_train")])
@pytest.mark.parametrize("rows, held_out", [(30, 3), (4, 1)])
def test_npz_without_test_data_holds_out_the_last_tenth(
    tmp_path, names, rows, held_out
):
    arrays = zip(names, (np.arange(rows), -np.arange(rows)))
    np.savez(tmp_path / "d.npz", **dict(arrays))
    data = load(str(tmp_path / "d.npz"))
    assert data.x_train.tolist() == list(range(rows - held_out))
    assert data.x_test.tolist() == list(range(rows - held_out, rows))
    assert np.array_equal(data.y_test, -data.x_test)


@pytest.mark.parametrize(
    "arrays, missing",
    [
        ({"x_train": [1]}, "`y_train`"),
        ({"x": [1]}, "`x_train`"),
        ({"weights": [1]}, "`x_train`.*weights"),
        ({"x_train": [1], "y_train": [1], "x_test": [1]}, "`y_test`"),
    ],
)
def test_missing_key_is_named(tmp_path, arrays, missing):
    np.savez(tmp_path / "d.npz", **arrays)
    with pytest.raises(ValueError, match=f"Expected the array {missing}"):
        load(tmp_path / "d.npz")


@pytest.mark.parametrize("count", [0, 1, 3])
def test_unequal_or_too_few_rows(tmp_path, count):
    np.savez(tmp_path / "d.npz", x=np.zeros(count), y=np.zeros(count % 3))
    with pytest.raises(ValueError, match="at least"):
        load(tmp_path / "d.npz")


class Bomb:
    """Raises if it is ever unpickled."""

    def __reduce__(self):
        return pytest.fail, ("a pickle was loaded",)


def test_objects_in_a_file_are_never_unpickled(tmp_path):
    array = np.array([Bomb(), Bomb()], dtype=object)
    np.savez(tmp_path / "d.npz", x=array, y=np.zeros(2))
    with pytest.raises(ValueError, match="plain arrays"):
        load(tmp_path / "d.npz")


@pytest.mark.parametrize("kind", ["text", "cut", "one array", "flipped"])
def test_damaged_npz_is_named(tmp_path, kind):
    path = tmp_path / "d.npz"
    np.savez(path, x=np.arange(500), y=np.arange(500))
    whole = path.read_bytes()
    if kind == "one array":
        np.save(tmp_path / "d.npy", np.arange(3))
        (tmp_path / "d.npy").rename(path)
    else:
        middle = len(whole) // 4
        damaged = {
            "text": b"hello",
            "cut": whole[:-40],
            "flipped": whole[:middle]
            + bytes([whole[middle] ^ 255])
            + whole[middle + 1 :],
        }
        path.write_bytes(damaged[kind])
    with pytest.raises(ValueError, match=r"d\.npz.*cannot be read"):
        load(path)


def test_missing_file_and_unknown_name(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none\.npz"):
        load(tmp_path / "none.npz")
    with pytest.raises(ValueError, match="digits, mnist, .*'imagenet'"):
        load("imagenet")


@pytest.mark.shared
@pytest.mark.skipif(not SHARED.is_dir(), reason="no ../shared/data")
@pytest.mark.parametrize(
    "name, shape, labels",
    [
        ("mnist", (28, 28, 1), [5, 0, 4, 1, 9]),
        ("fashion_mnist", (28, 28, 1), [9, 0, 0, 3, 0]),
        # Ten seconds of unpacking.
        pytest.param(
            "cifar10",
            (32, 32, 3),
            [6, 9, 9, 4, 1],
            marks=pytest.mark.slow,
        ),
    ],
)
def test_real_files(name, shape, labels):
    data = load(name, SHARED)
    count = 50_000 if name == "cifar10" else 60_000
    assert data.x_train.shape == (count, *shape)
    assert data.x_test.shape == (10_000, *shape)
    assert data.x_train.dtype == np.float32
    assert data.x_train.min() == 0 and data.x_train.max() == 1
    # The well-known first labels of the originals.
    assert data.y_train[:5].tolist() == labels
