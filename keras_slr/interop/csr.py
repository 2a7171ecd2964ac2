"""Weights as NumPy arrays in compressed sparse rows, for other runtimes.

Layout of the `.npz` file: a weight of two axes or more that has zeros is a
matrix of `fan-in` rows and one column per entry of its last axis,
`weight.reshape(-1, weight.shape[-1])`, in four arrays:

- `PATH/data`: the entries that are not zero, row by row; dtype of the weight.
- `PATH/indices`: their columns, int32, ascending within a row.
- `PATH/indptr`: where each row begins in both, int64, with the end of the
  last; one more than there are rows.
- `PATH/shape`: the shape of the weight, int64.

Any other weight is one array, `PATH/dense`. `PATH` is the weight's path in
the model.
"""

import os
import pathlib
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from keras_slr.interop.paths import checked_out
from keras_slr.models.checks import check_built
from keras_slr.models.checks import check_model
from keras_slr_base.archive import inflation
from keras_slr_base.atomic_file import atomic_file

_PARTS = ("data", "indices", "indptr", "shape")


def save_csr(model: keras.Model, path: str | os.PathLike[str]) -> None:
    """Writes the weights of a model in compressed sparse rows.

    Args:
        model: Built Keras model.
        path: Path of the `.npz` file, in a folder that exists.

    Raises:
        TypeError: If the model is not a Keras 3 model.
        ValueError: If the model is not built, has two weights of one path,
            or the path is not that of an `.npz` file in a folder that
            exists.
    """
    check_model(model)
    check_built(model)
    path = checked_out(path, ".npz")
    arrays: dict[str, Any] = {}
    for variable in model.weights:
        name = variable.path
        if f"{name}/dense" in arrays or f"{name}/data" in arrays:
            raise ValueError(
                "Expected weights of different paths, received two of "
                f"'{name}': give their layers names of their own."
            )
        weight = keras.ops.convert_to_numpy(variable.value)
        parts = to_csr(weight) or {"dense": weight}
        arrays |= {f"{name}/{part}": array for part, array in parts.items()}
    with atomic_file(path) as made:
        np.savez_compressed(made, **arrays)


def load_csr(path: str | os.PathLike[str]) -> dict[str, np.ndarray]:
    """Reads what `save_csr` wrote; needs NumPy alone.

    Args:
        path: Path of the `.npz` file.

    Returns:
        Dict from the path of a weight to its dense array.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is not a file of `save_csr`.
    """
    weights, inflated = {}, None
    try:
        if inflated := inflation(path):
            raise ValueError(inflated)
        with np.load(pathlib.Path(path)) as file:
            for entry in file.files:
                name, _, part = entry.rpartition("/")
                if part == "dense":
                    weights[name] = file[entry]
                elif part == "data":
                    parts = {p: file[f"{name}/{p}"] for p in _PARTS}
                    weights[name] = from_csr(**parts)
    except FileNotFoundError:
        raise
    except Exception as error:
        reason = inflated or f"cannot be read: {type(error).__name__}"
        raise ValueError(
            f"Expected a file of `save_csr`, received {path}, which {reason}; "
            "write it again."
        ) from error
    return weights


def to_csr(weight: np.ndarray) -> dict[str, np.ndarray] | None:
    """Returns the four arrays of a weight, or `None` if it stays dense.

    Args:
        weight: NumPy array.

    Returns:
        Dict with `data`, `indices`, `indptr` and `shape`, as described
        above; `None` for a vector, or if no entry is zero.
    """
    if weight.ndim < 2 or np.all(weight != 0):
        return None
    matrix = weight.reshape(-1, weight.shape[-1])
    rows, columns = np.nonzero(matrix)
    counts = np.bincount(rows, minlength=len(matrix))
    return {
        "data": matrix[rows, columns],
        "indices": columns.astype(np.int32),
        "indptr": np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        "shape": np.array(weight.shape, np.int64),
    }


def from_csr(
    data: np.ndarray,
    indices: np.ndarray,
    indptr: np.ndarray,
    shape: Sequence[int],
) -> np.ndarray:
    """Returns the dense array from the four described above."""
    matrix = np.zeros((len(indptr) - 1, shape[-1]), data.dtype)
    matrix[np.repeat(np.arange(len(matrix)), np.diff(indptr)), indices] = data
    return matrix.reshape(shape)
