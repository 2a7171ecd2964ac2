"""TensorFlow's scopes, named as the layers of Keras."""

import contextlib
import functools

import tensorflow as tf


@contextlib.contextmanager
def layer_scopes(model):
    """Names what a layer computes after the layer, as a context manager.

    Keras opens the scope of a layer twice per call, and TensorFlow numbers
    the second: what `conv2d` computes would be named `conv2d_1`, even beside
    a layer of that name. A name that ends in a slash is not numbered.

    Args:
        model: Keras model, which is as before afterwards.
    """
    # The names of the layers whose calls are running, the outermost first.
    running = []
    layers = list(model._flatten_layers())
    for layer in layers:
        layer.call = _named(layer, running)
    try:
        yield
    finally:
        for layer in layers:
            del layer.call


def _named(layer, running):
    """Returns the `call` of a layer, in the scope of its name."""
    call = layer.call

    @functools.wraps(call)
    def named(*args, **kwargs):
        running.append(layer.name)
        try:
            with tf.name_scope("/".join(running) + "/"):
                return call(*args, **kwargs)
        finally:
            running.pop()

    return named
