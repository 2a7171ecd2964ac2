"""Runs recurrent layers step by step, so that every product has values."""

import contextlib

import keras

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
    a fused operation of the backend: nothing in it can be watched.

    Args:
        layers: List of recurrent layers of Keras.
    """
    wanted = {"unroll": True, "use_cudnn": False}
    found = [
        (layer, {k: getattr(layer, k) for k in wanted if hasattr(layer, k)})
        for layer in layers
    ]
    try:
        for layer, values in found:
            for name in values:
                setattr(layer, name, wanted[name])
        yield
    finally:
        for layer, values in found:
            for name, value in values.items():
                setattr(layer, name, value)
