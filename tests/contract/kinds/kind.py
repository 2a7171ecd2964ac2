"""A kind of model that a user may bring, as small as can be."""

import dataclasses
from collections.abc import Callable

import keras
import numpy as np

ROWS = 16
# Keras's files do not know that a layer inside two models is the same one.
WEIGHTS = ".weights.h5"
register = keras.saving.register_keras_serializable(package="contract")


@dataclasses.dataclass
class Kind:
    """A model, the data it takes, and what is to be pruned of it.

    Attributes:
        model: Keras model, not compiled.
        x: What `fit` takes as inputs.
        y: What `fit` takes as targets.
        kernels: Function of the model, once it is built, that returns the
            list of the variables that are pruned.
        plan: Dict, what selects them, see `keras_slr.Plan`.
        compile: Dict of arguments of `compile`.
        frozen: Function of the model that returns the variables that may
            not change.
        after: Function of the model, called once the callback is made.
        result: Function of the model that returns what is kept of it.
        saved_as: Suffix of the file that Keras can save it to and load it
            from, or `None` where it can do neither.
    """

    model: keras.Model
    x: object
    y: object
    kernels: Callable
    plan: dict = dataclasses.field(default_factory=dict)
    compile: dict = dataclasses.field(default_factory=dict)
    frozen: Callable = lambda model: []
    after: Callable = lambda model: None
    result: Callable = lambda model: model
    saved_as: str | None = ".keras"


def floats(*shape, seed=0):
    """Returns normal float32 of shape `(ROWS, *shape)`."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(ROWS, *shape)).astype("float32")


def tokens(length, words=20):
    """Returns integers below `words` of shape `(ROWS, length)`."""
    return np.random.default_rng(0).integers(0, words, (ROWS, length))


def named(*names):
    """Returns a function from a model to the kernels of some layers."""
    return lambda model: [model.get_layer(name).kernel for name in names]
