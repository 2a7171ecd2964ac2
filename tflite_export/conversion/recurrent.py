"""Recurrent layers and states, as a conversion needs them."""

import contextlib

import keras

from keras_slr.keras_internals.layers import layers_of


def is_stateful(model):
    """Returns whether a model keeps states from one call to the next.

    Args:
        model: Keras model.
    """
    return any(layer.stateful for layer in _recurrent(model))


def reset_states(model):
    """Sets the states that a model keeps between calls to zero.

    Args:
        model: Keras model.
    """
    for layer in _recurrent(model):
        if layer.stateful:
            layer.reset_state()


def rolled(model):
    """Lists the recurrent layers that loop over their steps.

    Args:
        model: Keras model.

    Returns:
        List of Keras layers.
    """
    return [layer for layer in _recurrent(model) if not layer.unroll]


@contextlib.contextmanager
def unrolled(model):
    """Unrolls the steps of all recurrent layers, as a context manager.

    Args:
        model: Keras model, restored afterwards.
    """
    changed = rolled(model)
    for layer in changed:
        layer.unroll = True
    try:
        yield
    finally:
        for layer in changed:
            layer.unroll = False


def _recurrent(model):
    return [
        layer
        for layer in layers_of(model)
        if isinstance(layer, keras.layers.RNN)
    ]
