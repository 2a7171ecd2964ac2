"""The fields of recipes: valid values, and messages about other ones."""

import collections
import dataclasses
import difflib
import numbers
from typing import Any

from keras_slr.allocation import ALLOCATIONS
from keras_slr.allocation import check_rate
from keras_slr.grids.from_text import from_text as grid_from_text
from keras_slr.layerwise.solvers import LAYER_SOLVERS
from keras_slr.layerwise.unit_choice import CHOICES
from keras_slr.planning.budget import Budget
from keras_slr.planning.targets import ALIASES
from keras_slr.planning.targets import TARGETS
from keras_slr.scores.registry import SCORES
from keras_slr.solvers import SOLVERS
from keras_slr.structures import from_text as structure_from_text
from keras_slr.training.clock import check_update_every

# Methods of pruning without training, by name; more may be registered later.
LAYERWISE: collections.ChainMap[str, Any] = collections.ChainMap(
    dict.fromkeys(CHOICES), LAYER_SOLVERS
)
_LIMITS = [field.name for field in dataclasses.fields(Budget)]


def shortened(value):
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def advice(value, choices):
    near = difflib.get_close_matches(str(value).lower(), choices, 1)
    return f"did you mean '{near[0]}'" if near else "change it"


def _is_text(value):
    return isinstance(value, str) and value != "" and "\0" not in value


def _is_texts(value):
    values = value if isinstance(value, list) else [value]
    return bool(values) and all(map(_is_text, values))


def _is_integer(least, most=2**31 - 1):
    def valid(value):
        whole = isinstance(value, int) and not isinstance(value, bool)
        return whole and least <= value <= most

    return valid


def _is_number(value):
    return isinstance(value, numbers.Real) and not isinstance(value, bool)


def _is_rate(value):
    rates = value.values() if isinstance(value, dict) else [value]
    if not all(map(_is_number, rates)):
        return False
    check_rate(value)
    return True


def _is_structure(value):
    return _is_text(value) and structure_from_text(value) is not None


def _is_constraint(value):
    return _is_text(value) and grid_from_text(value) is not None


def _is_budget(value):
    if not isinstance(value, dict):
        return False
    for name in value:
        if name not in _LIMITS:
            raise ValueError(
                f"Expected limits on {', '.join(_LIMITS)}. Received: "
                f"{shortened(name)}; {advice(name, _LIMITS)}."
            )
    return Budget(**value) is not None


def _is_update_every(value):
    check_update_every(value)
    return not isinstance(value, bool)


def _one_of(choices):
    # A class may be registered later; a list cannot be a key.
    return choices, lambda value: value in tuple(choices)


# Each field has what is expected, as text or as choices, and a function that
# says whether a value is valid.
_TEXT = ("text", _is_text)
_TEXTS = ("a name or a list of names", _is_texts)
FIELDS = {
    "model": _TEXT,
    "data": _TEXT,
    "calibration": _TEXT,
    "samples": ("a whole number, 1 or more", _is_integer(1)),
    "out": _TEXT,
    "method": _one_of(collections.ChainMap(*LAYERWISE.maps, SOLVERS)),
    "rate": ("a number in [0, 1), or such numbers by name", _is_rate),
    "include": _TEXTS,
    "exclude": _TEXTS,
    "structure": ("the name of a structure", _is_structure),
    "allocation": _one_of(ALLOCATIONS),
    "target": _one_of((*TARGETS, *ALIASES)),
    "constraint": ("the name of a grid", _is_constraint),
    "budget": ("limits on params, bytes or flops", _is_budget),
    "score": _one_of(SCORES),
    "teacher": ("'dense' or the path of a model", _is_text),
    "update_every": (
        "a number of steps, a fraction of the run or 'epoch'",
        _is_update_every,
    ),
    "finetune_epochs": ("a whole number, 0 or more", _is_integer(0)),
    "epochs": ("a whole number, 1 or more", _is_integer(1)),
    "batch_size": ("a whole number, 1 or more", _is_integer(1)),
    "learning_rate": (
        "a positive number",
        lambda value: _is_number(value) and 0 < value < 1e6,
    ),
    "data_dir": _TEXT,
    "monitor": ("true or false", lambda value: isinstance(value, bool)),
    "seed": ("a whole number, 0 or more", _is_integer(0)),
}
