"""Checks what a structure from outside the package returns."""

import numpy as np


def check_own(structure, weights):
    """Raises a `ValueError` if a user's structure contradicts itself.

    Calls `units`, `scores` and `entries` once. Structures of this package are
    not checked: they are tested, and large weights would take time.

    Args:
        structure: `Structure`.
        weights: Tuple of the `selection.Weight` that it couples.
    """
    cls = type(structure)
    if cls.__module__.split(".")[0] == "keras_slr":
        return
    where = f"on `{weights[0].path}`"
    units = structure.units(*weights)
    if not isinstance(units, int | np.integer) or units < 1:
        raise ValueError(
            f"Expected `{cls.__name__}.units` to return a positive integer "
            f"{where}. Received: {units!r}."
        )
    shapes = [tuple(weight.shape) for weight in weights]
    zeros = [np.zeros(shape, np.float32) for shape in shapes]
    scores = structure.scores(np, zeros, *weights)
    if np.shape(scores) != (units,):
        raise ValueError(
            f"Expected `{cls.__name__}.scores` to return an array of shape "
            f"({units},), one score per unit, {where}. Received: "
            f"{_described(scores)}."
        )
    entries = structure.entries(np, np.ones(units, bool), *weights)
    listed = isinstance(entries, list | tuple)
    received = [np.shape(e) for e in entries] if listed else None
    if received != shapes:
        raise ValueError(
            f"Expected `{cls.__name__}.entries` to return a list of masks of "
            f"the shapes {shapes} {where}. Received: "
            f"{received if listed else _described(entries)}."
        )
    if not all(np.all(mask) for mask in entries):
        raise ValueError(
            f"Expected `{cls.__name__}.entries` to keep every entry {where} "
            "when all units are kept. Received masks that drop some: return "
            "`True` for the entries of kept units."
        )


def _described(value):
    shape = getattr(value, "shape", None)
    kind = type(value).__name__
    return kind if shape is None else f"{kind} of shape {tuple(shape)}"
