"""Structures by name, for command lines and recipes."""

import re

from keras_slr.did_you_mean import did_you_mean
from keras_slr.structures.block import Block
from keras_slr.structures.n_m import NM
from keras_slr.structures.registry import STRUCTURES


def from_text(text):
    """Returns the structure with a given name.

    Args:
        text: String: a key of `STRUCTURES`, `"2:4"` for `NM(2, 4)`, or
            `"4x1"` for `Block((4, 1))`.

    Raises:
        ValueError: If there is no structure of that name.
    """
    if text in STRUCTURES:
        return STRUCTURES[text]()
    for pattern, make in (
        (r"(\d+):(\d+)", NM),
        (r"(\d+)x(\d+)", lambda a, b: Block((a, b))),
    ):
        found = re.fullmatch(pattern, text)
        if found:
            return make(*map(int, found.groups()))
    names = ", ".join(f"'{name}'" for name in STRUCTURES)
    raise ValueError(
        f"Expected a structure: {names}, '2:4' or '4x1'. Received: '{text}'"
        f"{did_you_mean(text, STRUCTURES)}."
    )
