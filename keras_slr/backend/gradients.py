"""Gradients of a model's loss outside its training step."""

import inspect

import keras
from keras import ops

from keras_slr.backend.name import BACKEND

if BACKEND == "tensorflow":
    import tensorflow as tf
elif BACKEND == "jax":
    import jax
elif BACKEND == "torch":
    import torch


class Gradients:
    """Computes the gradients of a model's loss, and changes nothing.

    The pass runs in inference mode. What it would write, such as the metrics
    of several outputs, is dropped.

    Args:
        model: Keras model, compiled.
        variables: List of Keras variables of the model.
    """

    def __init__(self, model, variables):
        self._model = model
        self._variables = variables
        ids = {id(v) for v in variables}
        self._others = [v for v in model.variables if id(v) not in ids]
        self._pass = _PASSES[BACKEND](self._loss, model.run_eagerly)

    def __call__(self, x, y=None, sample_weight=None):
        """Returns the gradients on a batch, a list of float32 NumPy arrays.

        Args:
            x: Inputs of the model.
            y: Targets. Defaults to `None`.
            sample_weight: Tensor. Defaults to `None`.
        """
        found = self._pass(
            [v.value for v in self._variables],
            [v.value for v in self._others],
            (x, y, sample_weight),
        )
        return [
            ops.convert_to_numpy(ops.cast(gradient, "float32"))
            for gradient in found
        ]

    def _loss(self, values, others, batch):
        x, y, sample_weight = batch
        pairs = [*zip(self._variables, values), *zip(self._others, others)]
        with keras.StatelessScope(pairs, collect_losses=True):
            y_pred = self._model(x, training=False)
            compute_loss = self._model.compute_loss
            # The loss on the labels, even if training has a teacher.
            takes = inspect.signature(compute_loss).parameters
            mode = {"training": False} if "training" in takes else {}
            return compute_loss(
                x=x, y=y, y_pred=y_pred, sample_weight=sample_weight, **mode
            )


def _tensorflow(loss, eagerly):
    def gradients(values, others, batch):
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(values)
            value = loss(values, others, batch)
        zero = tf.UnconnectedGradients.ZERO
        found = tape.gradient(value, values, unconnected_gradients=zero)
        # Those of an embedding are sparse.
        return [tf.convert_to_tensor(gradient) for gradient in found]

    if not eagerly:
        gradients = tf.function(gradients, reduce_retracing=True)

    def run(values, others, batch):
        values, others = (
            [tf.convert_to_tensor(value) for value in part]
            for part in (values, others)
        )
        return gradients(values, others, batch)

    return run


def _jax(loss, eagerly):
    gradients = jax.grad(loss)
    return gradients if eagerly else jax.jit(gradients)


def _torch(loss, eagerly):
    del eagerly

    def gradients(values, others, batch):
        values = [value.detach().requires_grad_() for value in values]
        with torch.enable_grad():
            value = loss(values, others, batch)
            found = torch.autograd.grad(value, values, allow_unused=True)
        return [
            torch.zeros_like(value) if gradient is None else gradient
            for value, gradient in zip(values, found)
        ]

    return gradients


_PASSES = {"tensorflow": _tensorflow, "jax": _jax, "torch": _torch}
