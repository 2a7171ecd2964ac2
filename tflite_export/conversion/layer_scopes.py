"""TensorFlow's scopes, named after the layers of Keras."""

import contextlib
import functools

import tensorflow as tf

from keras_slr.keras_internals.instance_patch import InstancePatch
from keras_slr.keras_internals.layers import layers_of


@contextlib.contextmanager
def layer_scopes(model):
    """Names the operations of a layer after it, as a context manager.

    Keras opens the scope of a layer twice per call, and TensorFlow numbers
    the second: the operations of `conv2d` would be named `conv2d_1`, even if
    a layer has that name. A name that ends in a slash is not numbered.

    Args:
        model: Keras model, restored afterwards.
    """
    # The names of the layers whose calls are running, the outermost first.
    running = []
    with contextlib.ExitStack() as stack:
        for layer in layers_of(model):
            patch = InstancePatch(layer, "call", _naming(layer.name, running))
            patch.attach()
            stack.callback(patch.detach)
        yield


def _naming(name, running):
    """Returns a patch that runs the `call` of a layer in the scope `name`."""

    def replace(call):
        @functools.wraps(call)
        def named(*args, **kwargs):
            running.append(name)
            try:
                with tf.name_scope("/".join(running) + "/"):
                    return call(*args, **kwargs)
            finally:
                running.pop()

        return named

    return replace
