"""Every method, found rather than listed: a new one is tested as it comes."""

import keras
import pytest

import keras_slr
from keras_slr.callbacks import PruningCallback
from keras_slr.solvers import SOLVERS
from keras_slr.structures import Structure

CALLBACKS = [
    value
    for value in vars(keras_slr).values()
    if isinstance(value, type)
    and issubclass(value, PruningCallback)
    and value.default_solver is not None
]
# Where a run has to be compiled, `make test` has that of SLR alone.
FEWER_CALLBACKS = [
    pytest.param(
        each,
        marks=[]
        if each is keras_slr.SLRCallback or keras.config.backend() == "torch"
        else [pytest.mark.slow],
    )
    for each in CALLBACKS
]
_CALLBACK_OF = {each.default_solver: each for each in CALLBACKS}


def _variants(solver):
    """Yields the ways to make a solver: as it comes and its presets."""
    yield "", None if solver in _CALLBACK_OF else solver
    for name, value in vars(solver).items():
        if isinstance(value, classmethod):
            yield f" {name}", getattr(solver, name)


def _methods():
    for solver in SOLVERS.values():
        callback = _CALLBACK_OF.get(solver, PruningCallback)
        for name, preset in _variants(solver):
            yield solver.__name__ + name, (callback, preset)


# From a name to the callback's class and to what makes its solver, `None` for
# the one that it has by default.
METHODS = dict(_methods())
STRUCTURES = {
    name: value
    for name, value in vars(keras_slr).items()
    if isinstance(value, type)
    and issubclass(value, Structure)
    and value is not Structure
}


def callback(method, **arguments):
    """Returns a callback of a method, which moves after every step."""
    make, preset = METHODS[method]
    solver = None if preset is None else preset()
    return make(solver=solver, update_every=1, **arguments)
