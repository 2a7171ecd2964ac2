"""Compiled functions, and the train steps that Keras compiles."""

import itertools

from keras_slr.backend.name import BACKEND

if BACKEND == "tensorflow":
    import tensorflow as tf
elif BACKEND == "jax":
    import jax
elif BACKEND == "torch":
    import torch

# Whether a compiled step reads what it is given as its state and nothing else.
STEPS_ARE_STATELESS = BACKEND == "jax"

# Whether equal functions share one trace.
TRACES_ARE_SHARED = BACKEND == "jax"


def draw(args, count):
    """Draws the batches of one call of a model's `train_function`.

    Args:
        args: List of what `fit` calls that function with.
        count: Integer, the batches that such a call takes at most.

    Returns:
        List of the first batch, and on JAX of the state that was given.
    """
    if BACKEND == "torch":
        # `fit` has drawn them.
        return [args[0][0]]
    *state, iterator = args
    first = next(iterator)
    list(itertools.islice(iterator, count - 1))
    return [first, *state]


def compiled(fn):
    """Compiles a function of tensors for the backend in use."""
    if BACKEND == "jax":
        return jax.jit(fn)
    if BACKEND == "tensorflow":
        # Traced anew for tensors of other ranks: one trace for all of them
        # sums some along one axis alone.
        return tf.function(fn)
    return torch.no_grad()(fn)


def values_after(model, result):
    """Returns the weights after a call of a model's `train_function`.

    Args:
        model: Keras model.
        result: What the call has returned.

    Returns:
        Dict of tensors by the `id` of their variable, of weights that are not
        in their variables yet.
    """
    if BACKEND != "jax":
        return {}
    _, (trainable, *_) = result
    return {id(v): x for v, x in zip(model.trainable_variables, trainable)}
