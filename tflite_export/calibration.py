"""Samples of a model's inputs, from the forms in which people have them."""

import os
import pathlib

import numpy as np

from keras_slr_files.archive import inflation

# As many rows are enough to find the ranges of the activations.
ROWS = 512
_FORMS = (
    "an array, a dict of arrays by input, a list with an array for each "
    "input, an iterable of batches, or an .npy or .npz file"
)


def as_arrays(calibration):
    """Turns calibration data into arrays of at most `ROWS` rows.

    Of arrays evenly spaced rows are taken, since they may be sorted by class;
    of an iterable of batches the first ones. A batch that is a tuple is taken
    for `(x, y, ...)`, as `fit` does.

    Args:
        calibration: As in `convert`, but not `None`.

    Returns:
        Dict of arrays by name; for arrays without names `"0"`, `"1"`, ...

    Raises:
        ValueError: If there is no row of numbers in it, or the arrays differ
            in their number of rows.
    """
    if isinstance(calibration, (str, os.PathLike)):
        calibration = _from_file(pathlib.Path(calibration))
    if not _is_structure(calibration) and not hasattr(calibration, "shape"):
        calibration = _joined(calibration)
    arrays = {
        name: np.asarray(value) for name, value in _named(calibration).items()
    }
    counts = {len(x) if x.ndim else 0 for x in arrays.values()}
    numeric = all(x.dtype.kind in "fiub" for x in arrays.values())
    if len(counts) != 1 or counts == {0} or not numeric:
        raise ValueError(
            f"Expected `calibration` to be {_FORMS}, received "
            f"{_told(arrays)}: give each input the same number of samples, "
            "as numbers."
        )
    (count,) = counts
    rows = np.linspace(0, count - 1, min(count, ROWS)).astype("int64")
    return {name: x[rows] for name, x in arrays.items()}


def by_input(arrays, names):
    """Assigns calibration arrays to the inputs of a model.

    Args:
        arrays: Dict that `as_arrays` returned.
        names: List of strings, the names of the inputs in the order of the
            model.

    Returns:
        Dict of arrays by name of input.

    Raises:
        ValueError: If they do not correspond.
    """
    if sorted(arrays) == sorted(names):
        return arrays
    if sorted(arrays) == [str(i) for i in range(len(names))]:
        return {name: arrays[str(i)] for i, name in enumerate(names)}
    if len(names) == 1 and "x" in arrays:
        return {names[0]: arrays["x"]}
    raise ValueError(
        f"takes inputs {names} where the calibration data has "
        f"{sorted(arrays)}: name its arrays after the inputs"
    )


def _from_file(path):
    inflated = None
    try:
        if inflated := inflation(path):
            raise ValueError(inflated)
        content = np.load(path)
        if isinstance(content, np.ndarray):
            return content
        with content:
            arrays = dict(content)
    except FileNotFoundError:
        raise ValueError(
            f"Expected an .npy or .npz file of calibration data, received "
            f"{path}, which is not a file: save some inputs of the model."
        ) from None
    except Exception as error:
        told = inflated or "is not one"
        raise ValueError(
            f"Expected an .npy or .npz file of plain arrays, received {path},"
            f" which {told}: write it with `numpy.savez`."
        ) from error
    if "x_train" in arrays:  # Beside labels and test data.
        return arrays["x_train"]
    positions = [f"arr_{i}" for i in range(len(arrays))]
    if sorted(arrays) == sorted(positions):
        return [arrays[name] for name in positions]
    return arrays


def _is_structure(value):
    return isinstance(value, (dict, list))


def _named(value):
    if isinstance(value, dict):
        return value
    if isinstance(value, list):
        return {str(i): x for i, x in enumerate(value)}
    return {"0": value}


def _joined(batches):
    try:
        batches = iter(batches)
    except TypeError:
        raise ValueError(
            f"Expected `calibration` to be {_FORMS}, received "
            f"{type(batches).__name__}: give some inputs of the model."
        ) from None
    taken, count = [], 0
    for batch in batches:
        if isinstance(batch, tuple):
            batch = batch[0]
        named = {k: np.asarray(x) for k, x in _named(batch).items()}
        taken.append(named)
        count += min((len(x) for x in named.values() if x.ndim), default=0)
        if count >= ROWS:
            break
    names = taken[0] if taken else {}
    return {k: np.concatenate([batch[k] for batch in taken]) for k in names}


def _told(arrays):
    if not arrays:
        return "no samples"
    return ", ".join(
        f"`{name}` of shape {x.shape} and type {x.dtype}"
        for name, x in arrays.items()
    )
