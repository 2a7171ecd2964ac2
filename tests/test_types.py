"""The types that users' editors and type checkers see."""

import importlib
import inspect
import pathlib
import re
import subprocess
import sys

import keras
import pytest

ROOT = pathlib.Path(__file__).parents[1]
OURS = ("keras_slr", "tflite_export")
MODULES = (
    *OURS,
    "keras_slr.data",
    "keras_slr.interop.csr",
    "keras_slr.interop.onnx",
    "keras_slr.interop.tfmot",
    "keras_slr.plots",
    "keras_slr.schedules",
)
# Each line is wrong but for the last three.
_SCRIPT = """\
import keras
import keras_slr
import tflite_export

model = keras.Sequential()
keras_slr.SLRCallback(rate="lots")
keras_slr.SLRCallback(0.9, structure=3)
keras_slr.ADMMCallback(0.9, solver=3)
keras_slr.GRegCallback(0.9, exclude=0.5)
keras_slr.GradualMagnitudeCallback(0.9, begin_step="late")
keras_slr.OneShotMagnitudeCallback([0.9])
keras_slr.Plan(budget=0.5)
keras_slr.Budget(flops="half")
keras_slr.Filter(round_to=[8])
keras_slr.NM("two", 4)
keras_slr.SLRPruner(0.9, update_every=[3])
keras_slr.hard_prune(model, rate="much")
keras_slr.keep_masks()
keras_slr.shrink(model, round_to="eight")
keras_slr.schedules.Geometric("low", 1.0)
tflite_export.convert(model, 3)
tflite_export.convert(model, "model.tflite", quantize="int7")
keras_slr.SLRCallback({"re:conv": 0.9, "default": 0.5}, include=["dense"])
keras_slr.hard_prune(model, 0.9, structure={"class:Dense": keras_slr.NM(2, 4)})
tflite_export.convert(model, "model.tflite", quantize="int8", calibration=[])
"""

pytestmark = pytest.mark.once("reads the sources")


def _public():
    """Returns the public functions and classes by name."""
    found = {}
    for name in MODULES:
        module = importlib.import_module(name)
        found |= {f"{name}.{n}": getattr(module, n) for n in _names(module)}
    return {name: value for name, value in found.items() if callable(value)}


def _names(module):
    if hasattr(module, "__all__"):
        return module.__all__
    return [
        name
        for name, value in vars(module).items()
        if name[0] != "_"
        and getattr(value, "__module__", "") == module.__name__
    ]


def _functions(value):
    """Yields a function, or what a class adds to its base classes.

    A method that overrides another one has the types of that one. A mixin
    for models overrides methods of `keras.Model`.
    """
    if not inspect.isclass(value):
        yield value
        return
    for i, cls in enumerate(value.__mro__):
        if cls.__module__.split(".")[0] not in OURS:
            continue
        for name, part in vars(cls).items():
            part = getattr(part, "__func__", getattr(part, "fget", part))
            bases = (*value.__mro__[i + 1 :], keras.Model)
            inherited = any(name in dir(b) for b in bases)
            if not inspect.isfunction(part) or (
                name != "__init__" and (name[0] == "_" or inherited)
            ):
                continue
            # `__init__` of a dataclass is not in a file.
            if part.__module__.split(".")[0] in OURS:
                yield part


def _missing(function):
    """Returns the parameters of a function that have no type."""
    signature = inspect.signature(function)
    names = [
        name
        for name, parameter in signature.parameters.items()
        if parameter.annotation in (parameter.empty, object, "object")
        and name not in ("self", "cls")
    ]
    returned = signature.return_annotation is not signature.empty
    if not returned and function.__name__ != "__init__":
        names.append("return")
    return names


@pytest.mark.parametrize("name", _public())
def test_public_signatures_have_types(name):
    found = {f.__qualname__: _missing(f) for f in _functions(_public()[name])}
    assert not {name: names for name, names in found.items() if names}


def test_wrong_arguments_are_flagged(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(_SCRIPT)
    checked = subprocess.run(
        [
            *(sys.executable, "-m", "mypy"),
            *("--config-file", ROOT / "pyproject.toml"),
            *("--follow-imports", "silent", script),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    # The cache of mypy may name the file of an earlier run.
    found = re.findall(r"script\.py:(\d+): error:", checked.stdout)
    flagged = {int(line) for line in found}
    first, last = 6, len(_SCRIPT.splitlines()) - 3
    assert flagged == set(range(first, last + 1)), checked.stdout
