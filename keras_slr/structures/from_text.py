"""Structures by name, for command lines and recipes."""

import difflib
import re

from keras_slr.structures.block import Block
from keras_slr.structures.n_m import NM
from keras_slr.structures.pattern import Pattern
from keras_slr.structures.slices import Column
from keras_slr.structures.slices import Kernel
from keras_slr.structures.units import Channel
from keras_slr.structures.units import Filter
from keras_slr.structures.units import Heads
from keras_slr.structures.unstructured import Unstructured

NAMED = {
    "unstructured": Unstructured,
    "filter": Filter,
    "channel": Channel,
    "column": Column,
    "kernel": Kernel,
    "pattern": Pattern,
    "heads": Heads,
}


def from_text(text):
    """Returns the structure with a given name.

    Args:
        text: String: a key of `NAMED`, `"2:4"` for `NM(2, 4)`, or `"4x1"` for
            `Block((4, 1))`.

    Raises:
        ValueError: If there is no structure of that name.
    """
    if text in NAMED:
        return NAMED[text]()
    for pattern, make in (
        (r"(\d+):(\d+)", NM),
        (r"(\d+)x(\d+)", lambda a, b: Block((a, b))),
    ):
        found = re.fullmatch(pattern, text)
        if found:
            return make(*map(int, found.groups()))
    names = ", ".join(f"'{name}'" for name in NAMED)
    near = difflib.get_close_matches(text, NAMED, 1)
    hint = f"; did you mean '{near[0]}'" if near else ""
    raise ValueError(
        f"Expected a structure: {names}, '2:4' or '4x1'. Received: '{text}'"
        f"{hint}."
    )
