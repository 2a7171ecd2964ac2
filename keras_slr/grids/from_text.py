"""Grids by name, for command lines and recipes."""

import re

from keras_slr.did_you_mean import did_you_mean
from keras_slr.grids.grid import Grid
from keras_slr.grids.quantize import Quantize
from keras_slr.grids.registry import GRIDS


def from_text(text: str) -> Grid:
    """Returns the grid with a given name.

    Args:
        text: String: a key of `GRIDS`, or `"4bits"` for `Quantize(bits=4)`.

    Raises:
        ValueError: If there is no grid of that name.
    """
    if text in GRIDS:
        return GRIDS[text]()
    found = re.fullmatch(r"([0-9]{1,2}) ?bits?", text)
    if found:
        return Quantize(bits=int(found.group(1)))
    names = ", ".join(f"'{name}'" for name in GRIDS)
    raise ValueError(
        f"Expected a grid: {names} or '4bits'. Received: '{text}'"
        f"{did_you_mean(text, GRIDS)}."
    )
