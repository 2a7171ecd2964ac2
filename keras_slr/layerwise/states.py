"""Leaves the states of layers as they are."""

import contextlib

import keras

from keras_slr.backend import to_numpy
from keras_slr.completed import completed
from keras_slr.keras_internals.layers import layers_of


@contextlib.contextmanager
def states_kept(operations):
    """Restores the states of stateful layers and of random generators.

    Layers that draw noise when they predict then draw the same in each run:
    what differs between two runs is due to the weights.

    Args:
        operations: List of Keras operations.
    """
    variables = [
        variable
        for operation in operations
        if isinstance(operation, keras.Layer)
        for variable in [*_states_of(operation), *_generators_of(operation)]
    ]
    values = [to_numpy(variable).copy() for variable in variables]
    try:
        yield
    finally:
        completed(lambda: _put(values, variables))


def _states_of(operation):
    return [
        variable
        for layer in layers_of(operation)
        if isinstance(layer, keras.layers.RNN) and layer.stateful
        for variable in keras.tree.flatten(layer.states)
    ]


def _generators_of(layer):
    """Returns the states of the random generators in a layer, and metrics."""
    weights = {id(variable) for variable in layer.weights}
    return [v for v in layer.variables if id(v) not in weights]


def _put(values, variables):
    for variable, value in zip(variables, values):
        variable.assign(value)
