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

import dataclasses
import json
import pathlib

from keras_slr.callbacks import PruningCallback
from keras_slr.callbacks.arguments import check_finetune_epochs
from keras_slr.commands.recipe_fields import FIELDS
from keras_slr.commands.recipe_fields import LAYERWISE
from keras_slr.commands.recipe_fields import advice
from keras_slr.commands.recipe_fields import shortened
from keras_slr.files.model_files import load_model
from keras_slr.grids.from_text import from_text as grid_from_text
from keras_slr.planning.budget import Budget
from keras_slr.scores.registry import score_of
from keras_slr.solvers import SOLVERS
from keras_slr.solvers.solver import check_projects
from keras_slr.solvers.solver import check_scored
from keras_slr.structures import from_text as structure_from_text
from keras_slr.teaching.teacher import DENSE

_PLAN = ("rate", "include", "exclude", "allocation", "target")
# Fields that only training reads.
_OF_TRAINING = (
    "constraint",
    "epochs",
    "finetune_epochs",
    "learning_rate",
    "monitor",
    "score",
    "seed",
    "teacher",
    "update_every",
)
# A score reads at most this many rows, evenly spaced: it reads them often.
_SCORED = 512
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
        constraint: String, see `grids.from_text`.
        budget: Dict of limits, see `Budget`.
        score: String, a key of `scores.SCORES`, by which the method chooses.
        teacher: String, `"dense"` or the path of a trained model, whose
            outputs replace the labels.
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
    constraint: str | None = None
    budget: dict | None = None
    score: str | None = None
    teacher: str | None = None
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
        return {name: getattr(self, name) for name in _PLAN} | {
            "structure": self.structure and structure_from_text(self.structure),
            "constraint": self.constraint and grid_from_text(self.constraint),
            "budget": self.budget and Budget(**self.budget),
        }

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
            teacher=self._teacher(),
            update_every=self.update_every,
            finetune_epochs=self.finetune_epochs,
            monitor_hard_pruned=self.monitor,
        )

    def _teacher(self):
        if self.teacher in (None, DENSE):
            return self.teacher
        return load_model(self.teacher)


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
            f"{shortened(fields)}: name the values."
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
                f"Received: {shortened(name)}; {advice(name, names)}."
            )
        expected, valid = FIELDS[name]
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
            f"{shortened(value)}; {advice(value, choices)}."
        )


def _check_together(fields):
    """Raises an error for fields that exclude each other."""
    given = {name: x for name, x in fields.items() if x is not None}
    calibrated = "calibration" in given
    method = given.get("method", "slr")
    known = LAYERWISE if calibrated else SOLVERS
    if method not in known:
        verb = "leave out" if calibrated else "give"
        raise ValueError(
            f"Expected `method` {'with' if calibrated else 'without'} "
            f"`calibration` to be one of {', '.join(known)}. Received: "
            f"'{method}'; choose one of these, or {verb} `calibration`."
        )
    if calibrated:
        for name in _OF_TRAINING:
            if name in given:
                raise ValueError(
                    f"Expected no `{name}` beside `calibration`, which "
                    "prunes without training. Received: "
                    f"{name}={shortened(given[name])}; leave one of them out."
                )
        return
    check_scored(SOLVERS[method](), score_of(given.get("score")))
    check_projects(SOLVERS[method](), given.get("constraint"))
    check_finetune_epochs(
        given.get("finetune_epochs", 0), given.get("constraint")
    )
    if "samples" in given:
        raise ValueError(
            "Expected `calibration` beside `samples`. Received: "
            f"samples={given['samples']} alone; give the data to calibrate "
            "on, or leave it out."
        )
