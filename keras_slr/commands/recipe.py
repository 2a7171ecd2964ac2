"""Recipes: the options of `prune` in a file, checked field by field.

```yaml
model: model.keras
data: mnist
out: pruned.keras
rate: {conv1: 0.5, default: 0.9}
epochs: 10
```

A JSON file with the same fields does not need the extra `yaml`. Only plain
values are read; nothing in a recipe is executed. Paths are relative to the
folder that the command is run in, as on the command line.
"""

import collections
import dataclasses
import difflib
import json
import numbers
import pathlib
from typing import Any

from keras_slr.allocation import ALLOCATIONS
from keras_slr.allocation import check_rate
from keras_slr.callbacks import PruningCallback
from keras_slr.layerwise.solvers import LAYER_SOLVERS
from keras_slr.layerwise.unit_choice import CHOICES
from keras_slr.planning.budget import Budget
from keras_slr.planning.targets import ALIASES
from keras_slr.planning.targets import TARGETS
from keras_slr.scores.registry import SCORES
from keras_slr.scores.registry import score_of
from keras_slr.solvers import SOLVERS
from keras_slr.solvers.solver import check_scored
from keras_slr.structures import from_text
from keras_slr.training.clock import check_update_every

_PLAN = ("rate", "include", "exclude", "structure", "allocation", "target")
# Methods of pruning without training, by name; more may be registered later.
LAYERWISE: collections.ChainMap[str, Any] = collections.ChainMap(
    dict.fromkeys(CHOICES), LAYER_SOLVERS
)
# Fields that only training reads.
_OF_TRAINING = (
    "epochs",
    "finetune_epochs",
    "learning_rate",
    "monitor",
    "score",
    "seed",
    "update_every",
)
# A score reads at most this many rows, evenly spaced: it reads them often.
_SCORED = 512
_LIMITS = [field.name for field in dataclasses.fields(Budget)]
# In bytes; a recipe has a dozen short lines.
_LARGEST = 1 << 20


@dataclasses.dataclass(frozen=True)
class Recipe:
    """The options of a pruning run.

    Attributes:
        model: String, path of the trained model.
        data: String, name or path of the data, see `keras_slr.data.load`.
        calibration: String, name or path of inputs to prune on without
            training, see `calibration.load_inputs`. Defaults to `None`:
            prune while the model trains on `data`.
        samples: Integer, the most samples of `calibration` to use.
        out: String, path of the file to write.
        method: String, a key of `solvers.SOLVERS`, or with `calibration`
            one of `LAYERWISE`.
        rate: See `Plan`, also for the fields from `include` to `target`.
        include: String or list of strings.
        exclude: String or list of strings.
        structure: String, see `structures.from_text`.
        allocation: String.
        target: String.
        budget: Dict of limits, see `Budget`.
        score: String, a key of `scores.SCORES`, by which the method chooses.
        update_every: See `SLRPruner`.
        finetune_epochs: Integer, the last epochs, with the zeros held.
        epochs: Integer.
        batch_size: Integer.
        learning_rate: Float, `None` for the one the model was saved with.
        data_dir: String, folder with local copies of the data.
        monitor: Boolean, whether to hold out a tenth of the training data
            and follow the hard-pruned model on it.
        seed: Integer.
    """

    model: str | None = None
    data: str | None = None
    calibration: str | None = None
    samples: int | None = None
    out: str | None = None
    method: str = "slr"
    rate: object = None
    include: object = None
    exclude: object = None
    structure: str | None = None
    allocation: str | None = None
    target: str | None = None
    budget: dict | None = None
    score: str | None = None
    update_every: object = None
    finetune_epochs: int = 0
    epochs: int = 10
    batch_size: int = 128
    learning_rate: float | None = None
    data_dir: str | None = None
    monitor: bool = False
    seed: int = 0

    def plan(self):
        """Returns the arguments of `Plan`."""
        plan = {name: getattr(self, name) for name in _PLAN}
        plan["structure"] = self.structure and from_text(self.structure)
        return plan | {"budget": self.budget and Budget(**self.budget)}

    def callback(self, data=None):
        """Returns the callback of the method, with all options that are set.

        Args:
            data: `keras_slr.data.Data`, of which a score reads `_SCORED`
                rows. Defaults to `None`.
        """
        rows = None
        if self.score is not None and data is not None:
            step = -(-len(data.x_train) // _SCORED)
            rows = data.x_train[::step], data.y_train[::step]
        return PruningCallback(
            **self.plan(),
            solver=SOLVERS[self.method](),
            score=self.score,
            data=rows,
            update_every=self.update_every,
            finetune_epochs=self.finetune_epochs,
            monitor_hard_pruned=self.monitor,
        )


def load(path, given=None):
    """Reads a recipe.

    Args:
        path: Path of a `.json`, `.yaml` or `.yml` file, or `None` for an
            empty recipe.
        given: Dict of fields that override those of the file, as given on
            a command line. Defaults to `None`.

    Returns:
        `Recipe`.

    Raises:
        FileNotFoundError: If there is no such file.
        ImportError: If it is YAML and PyYAML is not installed.
        ValueError: If the file is not a recipe, or a field is unknown or
            invalid. Names the field, the value and the nearest valid one.
    """
    fields = {}
    if path is not None:
        path = pathlib.Path(path)
        fields = _read(path)
        _check_fields(fields, lambda name: f"`{name}` in `{path}`", path)
    given = given or {}
    _check_fields(given, lambda name: f"`--{name.replace('_', '-')}`", None)
    fields = fields | given
    _check_together(fields)
    return Recipe(**fields)


def _read(path):
    readers = {".json": _json, ".yaml": _yaml, ".yml": _yaml}
    if path.suffix not in readers:
        raise ValueError(
            "Expected a recipe that ends in .json, .yaml or .yml. Received: "
            f"`{path}`; rename it."
        )
    if not path.is_file():
        raise FileNotFoundError(
            f"Expected a recipe `{path}`. Received a path that is not "
            "a file: check the path."
        )
    if path.stat().st_size > _LARGEST:
        raise ValueError(
            f"Expected a recipe of a few lines. Received `{path}` of "
            f"{path.stat().st_size:,} bytes: check the path."
        )
    try:
        fields = readers[path.suffix](path.read_text("utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(
            f"Expected a recipe in {path.suffix[1:].upper()}. Received "
            f"`{path}`, which cannot be read: {' '.join(str(error).split())}; "
            "correct it there."
        ) from error
    if not isinstance(fields, dict):
        raise ValueError(
            "Expected a recipe of fields with their values, such as `rate: "
            f"0.9`. Received `{path}`, which holds "
            f"{_shortened(fields)}: name the values."
        )
    return fields


def _json(text):
    return json.loads(text, object_pairs_hook=_once)


def _once(pairs):
    fields = dict(pairs)
    if len(fields) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the field '{twice}' is given twice")
    return fields


def _yaml(text):
    try:
        import yaml
    except ImportError as error:
        raise ImportError(
            "Expected PyYAML, which reads recipes in YAML. Received an "
            'environment without it: pip install "keras-slr[yaml]", or write '
            "the recipe as JSON."
        ) from error

    # A safe loader, which makes plain values only.
    class Loader(yaml.SafeLoader):
        pass

    def mapping(loader, node):
        loader.flatten_mapping(node)
        return _once(loader.construct_pairs(node, deep=True))

    Loader.add_constructor("tag:yaml.org,2002:map", mapping)
    try:
        return yaml.load(text, Loader)  # noqa: S506
    except (yaml.YAMLError, TypeError) as error:
        raise ValueError(str(error)) from error


def _check_fields(fields, label, path):
    names = [field.name for field in dataclasses.fields(Recipe)]
    for name, value in fields.items():
        if name not in names:
            raise ValueError(
                f"Expected the fields {', '.join(names)} in `{path}`. "
                f"Received: {_shortened(name)}; {_advice(name, names)}."
            )
        expected, valid = _FIELDS[name]
        choices = () if isinstance(expected, str) else expected
        try:
            if value is None or valid(value):
                continue
        except ValueError as error:
            raise ValueError(f"{label(name)}: {error}") from error
        if choices:
            expected = f"one of {', '.join(choices)}"
        raise ValueError(
            f"Expected {label(name)} to be {expected}. Received: "
            f"{_shortened(value)}; {_advice(value, choices)}."
        )


def _check_together(fields):
    """Raises an error for fields that exclude each other."""
    given = {name: x for name, x in fields.items() if x is not None}
    calibrated = "calibration" in given
    method = given.get("method", "slr")
    known = LAYERWISE if calibrated else SOLVERS
    if method not in known:
        advice = "leave out" if calibrated else "give"
        raise ValueError(
            f"Expected `method` {'with' if calibrated else 'without'} "
            f"`calibration` to be one of {', '.join(known)}. Received: "
            f"'{method}'; choose one of these, or {advice} `calibration`."
        )
    if calibrated:
        for name in _OF_TRAINING:
            if name in given:
                raise ValueError(
                    f"Expected no `{name}` beside `calibration`, which "
                    "prunes without training. Received: "
                    f"{name}={_shortened(given[name])}; leave one of them out."
                )
        return
    check_scored(SOLVERS[method](), score_of(given.get("score")))
    if "samples" in given:
        raise ValueError(
            "Expected `calibration` beside `samples`. Received: "
            f"samples={given['samples']} alone; give the data to calibrate "
            "on, or leave it out."
        )


def _shortened(value):
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _advice(value, choices):
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
    return _is_text(value) and from_text(value) is not None


def _is_budget(value):
    if not isinstance(value, dict):
        return False
    for name in value:
        if name not in _LIMITS:
            raise ValueError(
                f"Expected limits on {', '.join(_LIMITS)}. Received: "
                f"{_shortened(name)}; {_advice(name, _LIMITS)}."
            )
    return Budget(**value) is not None


def _is_update_every(value):
    check_update_every(value)
    return not isinstance(value, bool)


def _one_of(choices):
    # A class may be registered later; a list cannot be a key.
    return choices, lambda value: value in tuple(choices)


# For each field what is expected, as text or as choices, and a function that
# returns whether a value is valid.
_TEXT = ("text", _is_text)
_TEXTS = ("a name or a list of names", _is_texts)
_FIELDS = {
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
    "budget": ("limits on params, bytes or flops", _is_budget),
    "score": _one_of(SCORES),
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
