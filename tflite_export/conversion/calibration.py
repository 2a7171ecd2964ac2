"""Calibration data: samples of a model's inputs in many forms."""

import inspect
import os
import pathlib
import sys

import numpy as np

from keras_slr_base.archive import inflation

# Enough rows to find the ranges of the activations.
ROWS = 512
_FORMS = (
    "an array, a dict of arrays by input, a list with an array for each "
    "input, an iterable of batches or a generator function of them, or an "
    ".npy or .npz file"
)


def as_arrays(calibration, rows=ROWS):
    """Turns calibration data into arrays of a limited number of rows.

    Takes evenly spaced rows of arrays, since they may be sorted by class, and
    the first rows of an iterable of batches. Reads a batch that is a tuple as
    `(x, y, ...)`, as `fit` does, and also a list from a `DataLoader`.

    Args:
        calibration: As in `convert`, but not `None`.
        rows: Integer, the most rows to take. Defaults to `ROWS`.

    Returns:
        Dict of arrays by name; for arrays without names `"0"`, `"1"`, ...

    Raises:
        ValueError: If it holds no rows of numbers, the arrays differ in
            their number of rows, or numbers are not finite.
    """
    if isinstance(calibration, (str, os.PathLike)):
        calibration = _from_file(pathlib.Path(calibration))
    if not _is_structure(calibration) and not hasattr(calibration, "shape"):
        calibration = _joined(_batches(calibration), rows)
    arrays = {
        name: _array(value) for name, value in _named(calibration).items()
    }
    counts = {len(x) if x.ndim else 0 for x in arrays.values()}
    numeric = all(x.dtype.kind in "fiub" for x in arrays.values())
    if len(counts) != 1 or counts == {0} or not numeric:
        raise ValueError(
            f"Expected `calibration` to be {_FORMS}, received "
            f"{_described(arrays)}: give each input the same number of "
            "samples, as numbers."
        )
    (count,) = counts
    taken = np.linspace(0, count - 1, min(count, rows)).astype("int64")
    arrays = {name: x[taken] for name, x in arrays.items()}
    for name, x in arrays.items():
        if x.dtype.kind == "f" and not np.isfinite(x).all():
            raise ValueError(
                "Expected finite `calibration` data, received NaN or Inf for "
                f"input '{name}': leave these samples out."
            )
    return arrays


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
        reason = inflated or "is not one"
        raise ValueError(
            f"Expected an .npy or .npz file of plain arrays, received {path},"
            f" which {reason}: write it with `numpy.savez`."
        ) from error
    if "x_train" in arrays:  # Beside labels and test data.
        return arrays["x_train"]
    positions = [f"arr_{i}" for i in range(len(arrays))]
    if sorted(arrays) == sorted(positions):
        return [arrays[name] for name in positions]
    return arrays


def _is_structure(value):
    """Returns whether a value holds an array for each input."""
    if isinstance(value, dict):
        return True
    return isinstance(value, list) and not (
        value and all(map(_is_batch, value))
    )


def _is_batch(value):
    """Returns whether an entry of a list is a batch, not an input's array."""
    if isinstance(value, dict):
        return True
    return isinstance(value, (list, tuple)) and any(
        hasattr(x, "shape") for x in value
    )


def _named(value):
    if isinstance(value, dict):
        return value
    if isinstance(value, list):
        return {str(i): x for i, x in enumerate(value)}
    return {"0": value}


def _batches(calibration):
    """Returns an iterator over the batches of anything that has some."""
    if _is_generator_function(calibration):
        calibration = _called(calibration)
    if hasattr(calibration, "__getitem__") and hasattr(calibration, "__len__"):
        # Keras's datasets have a length, but their iteration never ends.
        return (calibration[i] for i in range(len(calibration)))
    try:
        batches = iter(calibration)
    except TypeError:
        raise ValueError(
            f"Expected `calibration` to be {_FORMS}, received "
            f"{type(calibration).__name__}: give some inputs of the model."
        ) from None
    return map(_pair, batches) if _is_loader(calibration) else batches


def _is_generator_function(value):
    return callable(value) and not hasattr(value, "__iter__")


def _called(function):
    try:
        inspect.signature(function).bind()
    except TypeError:
        raise ValueError(
            "Expected a generator function without arguments as "
            f"`calibration`, received {function!r}: have it yield inputs of "
            "the model, such as `yield [x]`."
        ) from None
    batches = function()
    return [batches] if hasattr(batches, "shape") else batches


def _is_loader(value):
    # If this is a loader, PyTorch has been imported already.
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.utils.data.DataLoader)


def _pair(batch):
    return tuple(batch) if isinstance(batch, list) else batch


def _array(value):
    if hasattr(value, "detach"):
        value = value.detach().cpu()
    return np.asarray(value)


def _joined(batches, rows):
    taken, count = [], 0
    for batch in batches:
        if isinstance(batch, tuple):
            batch = batch[0]
        named = {k: _array(x) for k, x in _named(batch).items()}
        taken.append(named)
        count += min((len(x) for x in named.values() if x.ndim), default=0)
        if count >= rows:
            break
    names = taken[0] if taken else {}
    try:
        return {k: np.concatenate([x[k] for x in taken]) for k in names}
    except (KeyError, ValueError) as error:
        raise ValueError(
            "Expected batches of `calibration` with the same inputs in the "
            f"same shapes, received {_described(taken[0])} first, then others: "
            "each batch needs an array for each input, with the samples along "
            "the first axis."
        ) from error


def _described(arrays):
    if not arrays:
        return "no samples"
    return ", ".join(
        f"`{name}` of shape {x.shape} and type {x.dtype}"
        for name, x in arrays.items()
    )
