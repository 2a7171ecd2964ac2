"""Runs recurrent layers step by step, so that every product has values."""

import contextlib

import keras

from keras_slr.completed import completed
from keras_slr.keras_internals.layers import is_of_keras
from keras_slr.keras_internals.layers import layers_of


def recurrent_around(operation, wanted):
    """Returns the recurrent layers in an operation that hold some layers.

    Args:
        operation: Keras operation.
        wanted: Set of the ids of layers.
    """
    return [
        layer
        for layer in layers_of(operation)
        if isinstance(layer, keras.layers.RNN)
        and any(id(each) in wanted for each in layers_of(layer))
    ]


@contextlib.contextmanager
def unrolled(layers):
    """Unrolls recurrent layers.

    As they are, they compute in a loop that JAX and TensorFlow compile, or in
    a fused operation of the backend: nothing in it can be watched. Cells that
    drop out recurrent inputs multiply by a part of their kernel for each
    gate; without dropout the whole kernel gives the same.

    Args:
        layers: List of recurrent layers of Keras.
    """
    parts = [part for layer in layers for part in layers_of(layer)]
    wanted = [
        *((layer, "unroll", True) for layer in layers),
        *((layer, "use_cudnn", False) for layer in layers),
        *(
            (part, "implementation", 2)
            for part in parts
            if is_of_keras(type(part).call)
        ),
    ]
    wanted = [each for each in wanted if hasattr(*each[:2])]
    found = [(layer, name, getattr(layer, name)) for layer, name, _ in wanted]
    try:
        _put(wanted)
        yield
    finally:
        completed(lambda: _put(found))


def _put(attributes):
    for layer, name, value in attributes:
        setattr(layer, name, value)
