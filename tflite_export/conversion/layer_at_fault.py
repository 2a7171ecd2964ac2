"""The layer of a model that caused an error."""

import re
import traceback

import keras

from keras_slr.keras_internals.layers import layers_of

# How the converter names the origin of an operation.
_PATH = re.compile(r'"([\w./-]+)@__inference')
_COPY = re.compile(r"_\d+$")


def layer_at_fault(model, error):
    """Names the layer in which an error was raised, if it is known.

    Args:
        model: Keras model.
        error: Exception of Keras's or of TensorFlow's converter.

    Returns:
        String such as `" in its layer `lstm`"`, empty if unknown.
    """
    name = _by_message(model, str(error)) or _by_call(model, error)
    return f" in its layer `{name}`" if name else ""


def _by_message(model, message):
    """Finds the innermost layer on the first path in a message."""
    path = _PATH.search(message)
    if path is None:
        return None
    names = {layer.name for layer in layers_of(model)} - {model.name}
    for part in reversed(path[1].split("/")):
        # TensorFlow numbers a name that it has used before.
        for name in (part, _COPY.sub("", part)):
            if name in names:
                return name
    return None


def _by_call(model, error):
    """Finds the innermost layer that was being called."""
    layers = {id(layer) for layer in layers_of(model)} - {id(model)}
    found = None
    for frame, _ in traceback.walk_tb(error.__traceback__):
        called = frame.f_locals.get("self")
        if isinstance(called, keras.layers.Layer) and id(called) in layers:
            found = called.name
    return found
