"""What is the user's has to be as it was."""

import copy

import keras
import numpy as np

from keras_slr.keras_internals.layers import layers_of
from tests.callbacks.helpers import assert_untouched


class UserObjects:
    """What is the user's: noted before a run, compared after it.

    Args:
        model: Keras model, compiled.
        data: Arrays in any structure, what `fit` is given.
        callbacks: List, that of `fit`.
    """

    def __init__(self, model, data, callbacks):
        self._model = model
        self._data, self._copies = data, copy.deepcopy(data)
        self._callbacks, self._listed = callbacks, list(callbacks)
        self._before = self._state()

    def _state(self):
        model = self._model
        state = {"optimizer": model.optimizer.get_config(), "loss": model.loss}
        if not model.built:
            return state
        return state | {
            "layers": [_config(layer) for layer in layers_of(model)],
            "weights": [v.path for v in model.weights],
            "trainable": [v.trainable for v in model.weights],
            "constraints": [id(v.constraint) for v in model.weights],
            "regularizers": [id(v.regularizer) for v in model.weights],
        }

    def check(self):
        after = self._state()
        for name, before in self._before.items():
            assert after[name] == before, name
        assert self._callbacks == self._listed
        keras.tree.map_structure(
            np.testing.assert_array_equal, self._data, self._copies
        )


def _config(layer):
    try:
        return str(layer.get_config())
    except NotImplementedError:
        return layer.name


def assert_plain(model):
    """No trace of a run, nor a variable more than the optimizer's own."""
    assert_untouched(model)
    if not model.optimizer.built:
        return  # A refused plan ends `fit` before TensorFlow builds it.
    optimizer = type(model.optimizer).from_config(model.optimizer.get_config())
    optimizer.build(model.trainable_variables)
    assert len(model.optimizer.variables) == len(optimizer.variables)
