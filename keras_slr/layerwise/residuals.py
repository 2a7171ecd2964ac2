"""Kernels whose outputs are added to others, as in residual networks.

The sum, and not the kernel's own outputs, is what the rest of the model sees.
Pruned layers have changed its other terms: that is for the kernel to make up.
"""

import dataclasses

import keras
import numpy as np

from keras_slr.backend import to_host
from keras_slr.keras_internals.layers import is_of_keras
from keras_slr.layerwise.moments import DAMPING


@dataclasses.dataclass(frozen=True)
class Residual:
    """How the outputs of a kernel enter a sum.

    Attributes:
        others: List of `Value`, the other terms.
        norm: The batch normalization on the way, or `None`.
    """

    others: list
    norm: keras.Layer | None

    def undo(self, change):
        """Returns by how much the kernel's outputs have to change.

        The normalization multiplies each channel by a number. It is undone by
        least squares with damping, so that channels that hardly count in the
        sum do not have to change by much.

        Args:
            change: Array like the sum, by how much that has to change.
        """
        if self.norm is None:
            return change
        variance = to_host(self.norm.moving_variance)
        scale = 1.0 / np.sqrt(variance + self.norm.epsilon)
        if self.norm.scale:
            scale = scale * to_host(self.norm.gamma)
        mean = np.mean(scale**2)
        if mean == 0.0:
            return np.zeros_like(change)
        shape = np.ones(change.ndim, int)
        shape[self.norm.axis] = -1
        return change * (scale / (scale**2 + DAMPING * mean)).reshape(shape)


def residuals_of(program):
    """Returns the `Residual` of each kernel that has one, by its id.

    Between the kernel and the addition there may be a batch normalization,
    dropout and a bias, and nothing else may read what is between them.

    Args:
        program: `Program`.
    """
    calls = {}
    for step in program.steps:
        calls.setdefault(id(step.operation), []).append(step)
    readers = program.sole_readers()
    found = {}
    for step, *more in calls.values():
        kernel = None if more else _last_kernel(step.operation)
        if kernel is None:
            continue
        value, norm = step.outputs[0], None
        while (reader := readers.get(value)) is not None:
            if not _is_of_keras(reader.operation):
                break
            if type(reader.operation).__name__ == "Add":
                others = [each for each in reader.reads if each is not value]
                if others and all(x.shape == value.shape for x in others):
                    found[id(kernel)] = Residual(others, norm)
                break
            if isinstance(reader.operation, keras.layers.BatchNormalization):
                if norm is not None:
                    break
                norm = reader.operation
            elif not isinstance(reader.operation, keras.layers.Dropout):
                break
            value = reader.outputs[0]
    return found


def _is_of_keras(operation):
    """Returns whether an operation computes what Keras says it does."""
    return is_of_keras(type(operation).call)


def _last_kernel(operation):
    """Returns the kernel behind a layer's outputs, `None` if there is more."""
    if not isinstance(operation, keras.Layer):
        return None
    if not _is_of_keras(operation):
        return None
    layer = getattr(operation, "output_dense", operation)
    activation = getattr(layer, "activation", None)
    if activation not in (None, keras.activations.linear):
        return None
    kernel = getattr(layer, "pointwise_kernel", None)
    return getattr(layer, "kernel", None) if kernel is None else kernel
