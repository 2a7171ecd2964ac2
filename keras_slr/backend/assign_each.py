"""Assignments of functions of variables, inside a train step."""

from keras_slr.backend.name import BACKEND
from keras_slr.backend.on_replicas import update_each

if BACKEND == "tensorflow":
    import tensorflow as tf
elif BACKEND == "torch":
    import torch


def assign_each(fn, variables, *others):
    """Assigns to each variable what `fn` makes of it and of its fellows.

    Args:
        fn: Function of the value of a variable and those of its fellows, in
            `keras.ops`.
        variables: List of Keras variables.
        *others: Lists of Keras variables, as many each.
    """
    if BACKEND == "tensorflow":
        update_each(
            lambda v, *given: v.assign(fn(v, *given)), variables, *others
        )
        return
    for v, *given in zip(variables, *others):
        values = [each.value for each in given]
        if BACKEND == "torch":
            with torch.no_grad():
                v.assign(fn(v.value, *values))
        else:
            v.assign(fn(v.value, *values))


def whole_gradient(gradient):
    """Returns a gradient as one tensor, where some rows are all there is."""
    if BACKEND == "tensorflow" and isinstance(gradient, tf.IndexedSlices):
        return tf.convert_to_tensor(gradient)
    return gradient
