"""Data sets by name, or from a file of the user's."""

import dataclasses
import gzip
import lzma
import math
import os
import pathlib
import zipfile
import zlib

import keras
import numpy as np

from keras_slr_base.archive import inflation

NAMES = ("digits", "mnist", "fashion_mnist", "cifar10")
# Share of the rows held out where a file has no test data of its own.
_HELD_OUT = 0.1
_DIGITS_TRAIN = 1437
_IDX_UINT8 = b"\x00\x00\x08"
# Errors that NumPy and its unpackers raise for damaged files.
_UNREADABLE = (
    ValueError,
    OSError,
    EOFError,
    NotImplementedError,
    lzma.LZMAError,
    zipfile.BadZipFile,
    zlib.error,
)


@dataclasses.dataclass(frozen=True, eq=False)
class Data:
    """Training and test data.

    Attributes:
        x_train: NumPy array of inputs.
        y_train: NumPy array of labels, as many as inputs.
        x_test: NumPy array of inputs.
        y_test: NumPy array of labels.
    """

    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray


def load(
    name_or_path: str | os.PathLike[str],
    data_dir: str | os.PathLike[str] | None = None,
) -> Data:
    """Loads a data set.

    Named data sets have images with float32 entries in `[0, 1]`, channels
    last, and integer labels. Arrays of a file are returned as stored.

    Args:
        name_or_path: `"digits"` (of scikit-learn, needs no download),
            `"mnist"`, `"fashion_mnist"`, `"cifar10"`, or the path of an
            `.npz` file with the arrays `x_train`, `y_train`, `x_test` and
            `y_test`. Where it has no test data, or only `x` and `y`, the
            last 10 % of the rows are held out.
        data_dir: Folder to read `mnist/` and `fashion-mnist/` (the original
            `.gz` files) or `cifar10/cifar10.npz` from, instead of the
            download by `keras.datasets`. Defaults to `None`.

    Returns:
        `Data`.

    Raises:
        FileNotFoundError: If a file is missing.
        ImportError: If `"digits"` is asked for without scikit-learn.
        ConnectionError: If the download fails.
        ValueError: If the name is unknown, or a file cannot be read or
            holds other arrays than expected.
    """
    text = str(name_or_path)
    name = text.replace("-", "_")
    if name == "digits":
        return _digits()
    if name in NAMES:
        if data_dir is None:
            return _downloaded(name)
        return _LOCAL[name](pathlib.Path(data_dir))
    if text.endswith(".npz"):
        return _from_npz(pathlib.Path(text))
    raise ValueError(
        f"Expected one of {', '.join(NAMES)} or the path of an `.npz` file. "
        f"Received: {text!r}."
    )


def _digits():
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise ImportError(
            "Expected scikit-learn, which contains 'digits'. Received an "
            'environment without it: pip install "keras-slr[datasets]".'
        ) from error
    digits = load_digits()
    order = np.random.default_rng(0).permutation(len(digits.target))
    x = _scaled(digits.images[order, :, :, None], 16)
    y = digits.target[order].astype("int32")
    return _split(x, y, _DIGITS_TRAIN)


def _downloaded(name):
    module = getattr(keras.datasets, name)
    try:
        (x_train, y_train), (x_test, y_test) = module.load_data()
    # A failed download raises a plain `Exception` in Keras.
    except Exception as error:
        raise ConnectionError(
            f"Expected to download '{name}' by `keras.datasets`. Received "
            f"{_line(error)}: give the folder of a local copy as `data_dir`."
        ) from error
    return _images(x_train, y_train, x_test, y_test)


def _idx_folders(*names):
    """Returns a reader of the four files in the first folder there is."""

    def read(data_dir):
        found = [n for n in names if (data_dir / n).is_dir()]
        folder = data_dir / (found or names)[0]
        return _images(
            _read_idx(folder / "train-images-idx3-ubyte.gz", 3),
            _read_idx(folder / "train-labels-idx1-ubyte.gz", 1),
            _read_idx(folder / "t10k-images-idx3-ubyte.gz", 3),
            _read_idx(folder / "t10k-labels-idx1-ubyte.gz", 1),
        )

    return read


def _read_idx(path, rank):
    """Reads an array of bytes in the format of the MNIST files."""
    _check_exists(path, "or leave out `data_dir` to download the data")
    start = 4 + 4 * rank
    try:
        with gzip.open(path) as file:
            raw = file.read(start)
            shape = [
                int.from_bytes(raw[i : i + 4], "big")
                for i in range(4, start, 4)
            ]
            # One byte more than belongs there, so that it shows, and not all
            # that there may be.
            raw += file.read(math.prod(shape) + 1)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise ValueError(
            f"Expected a gzip file. Received `{path}`, which does not unpack "
            f"({_line(error)}): fetch it again."
        ) from error
    size = start + math.prod(shape)
    if raw[:4] != _IDX_UINT8 + bytes([rank]) or len(raw) != size:
        raise ValueError(
            f"Expected an idx file of bytes with {rank} dimensions. Received "
            f"`{path}`, which is something else or cut short: fetch it again."
        )
    return np.frombuffer(raw, np.uint8, offset=start).reshape(shape)


def _cifar10(data_dir):
    path = data_dir / "cifar10" / "cifar10.npz"
    _check_exists(path, "or leave out `data_dir` to download the data")
    names = ("x_train", "y_train", "x_test", "y_test")
    return _images(*_read_npz(path, names).values())


_LOCAL = {
    "mnist": _idx_folders("mnist"),
    "fashion_mnist": _idx_folders("fashion-mnist", "fashion_mnist"),
    "cifar10": _cifar10,
}


def _from_npz(path):
    _check_exists(path, "or check the path")
    arrays = _read_npz(path)
    has = {name for name in ("x", "y") if name in arrays}
    if has == {"x", "y"} and "x_train" not in arrays:
        return _hold_out(path, arrays["x"], arrays["y"])
    for name in ("x_train", "y_train"):
        _check_key(path, arrays, name)
    x, y = arrays["x_train"], arrays["y_train"]
    if "x_test" not in arrays and "y_test" not in arrays:
        return _hold_out(path, x, y)
    for name in ("x_test", "y_test"):
        _check_key(path, arrays, name)
    _check_pair(path, x, y)
    _check_pair(path, arrays["x_test"], arrays["y_test"])
    return Data(x, y, arrays["x_test"], arrays["y_test"])


def _read_npz(path, needed=()):
    """Reads the arrays of a file, never objects (which could run code)."""
    known = ("x", "y", "x_train", "y_train", "x_test", "y_test")
    try:
        if inflated := inflation(path):
            raise ValueError(f"it {inflated}")
        file = np.load(path, allow_pickle=False)
        if isinstance(file, np.ndarray):
            raise ValueError("it holds one array without a name")
        with file:
            for name in needed:
                _check_key(path, file, name)
            names = needed or [n for n in known if n in file]
            if not names:
                _check_key(path, file, "x_train")
            return {name: file[name] for name in names}
    except _MissingKey:
        raise
    except _UNREADABLE as error:
        raise ValueError(
            f"Expected an `.npz` file of plain arrays. Received `{path}`, "
            f"which cannot be read ({_line(error)}): write it with "
            "`numpy.savez`."
        ) from error


class _MissingKey(ValueError):
    """A file lacks an array."""


def _check_key(path, arrays, name):
    if name not in arrays:
        raise _MissingKey(
            f"Expected the array `{name}` in `{path}`. Received: "
            f"{', '.join(sorted(arrays)) or 'none'}; write the arrays with "
            "`numpy.savez(path, x_train=..., y_train=..., x_test=..., "
            "y_test=...)`."
        )


def _check_exists(path, otherwise):
    if not path.is_file():
        raise FileNotFoundError(
            f"Expected a file `{path}`. Received a path that is not a file: "
            f"put the file there, {otherwise}."
        )


def _check_pair(path, x, y):
    if x.ndim < 1 or y.ndim < 1 or not len(x) or len(x) != len(y):
        raise ValueError(
            f"Expected as many labels as inputs in `{path}`, one at least. "
            f"Received inputs of shape {x.shape} and labels of shape "
            f"{y.shape}."
        )


def _hold_out(path, x, y):
    _check_pair(path, x, y)
    if len(x) < 2:
        raise ValueError(
            f"Expected two rows at least in `{path}`, to hold one out. "
            f"Received: {len(x)}."
        )
    return _split(x, y, len(x) - max(round(_HELD_OUT * len(x)), 1))


def _split(x, y, count):
    return Data(x[:count], y[:count], x[count:], y[count:])


def _images(x_train, y_train, x_test, y_test):
    def inputs(x):
        return _scaled(x if x.ndim == 4 else x[..., None], 255)

    def labels(y):
        return y.reshape(-1).astype("int32")

    return Data(
        inputs(x_train), labels(y_train), inputs(x_test), labels(y_test)
    )


def _scaled(x, top):
    """Returns `x / top` in float32, without a second copy of large data."""
    return np.divide(x, np.float32(top), dtype=np.float32, casting="same_kind")


def _line(error):
    """Returns an error's text on one line, or its kind if it has none."""
    return " ".join(str(error).split()) or type(error).__name__
