"""Leaves the states of stateful layers as they are."""

import contextlib

import keras

from keras_slr.backend import to_numpy
from keras_slr.keras_internals.layers import layers_of


@contextlib.contextmanager
def states_kept(operations):
    """Restores the states of the stateful layers in some operations.

    Args:
        operations: List of Keras operations.
    """
    variables = [
        variable
        for operation in operations
        for layer in layers_of(operation)
        if isinstance(layer, keras.layers.RNN) and layer.stateful
        for variable in keras.tree.flatten(layer.states)
    ]
    values = [to_numpy(variable).copy() for variable in variables]
    try:
        yield
    finally:
        for variable, value in zip(variables, values):
            variable.assign(value)
