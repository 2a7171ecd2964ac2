"""Units whose value does not depend on the model's inputs.

A unit whose filter is zero holds a constant, which the next layers turn into
other constants. NaN marks units that depend on the inputs.
"""

import keras
import numpy as np
from keras import ops

# The activations that are not element-wise.
_MIXING = ("softmax", "log_softmax", "sparsemax", "glu")


def after_product(weights, constants, bias=None, exact=True):
    """Returns the constants of the units that a kernel writes.

    Args:
        weights: NumPy array of shape `(inputs, outputs, ...)`; further axes
            are summed over.
        constants: Float array of shape `(inputs,)` or `(inputs, outputs)`.
        bias: Float array of shape `(outputs,)`. Defaults to `None`.
        exact: Boolean, whether a constant input gives the same sum at every
            position, which zero padding breaks. Defaults to `True`.

    Returns:
        Float array of shape `(outputs,)`.
    """
    if constants.ndim == 1:
        constants = constants[:, None]
    known = constants == 0.0
    if exact:
        known |= ~np.isnan(constants)
    sums = total(weights, np.where(known, constants, 0.0))
    if bias is not None:
        sums = sums + bias
    depends = np.any(is_used(weights) & ~known, axis=0)
    return np.where(depends, np.nan, sums)


def is_used(weights):
    """Returns a boolean array of shape `(inputs, outputs)`."""
    return np.any(weights != 0, axis=tuple(range(2, weights.ndim)))


def total(weights, constants):
    """Returns what constant inputs add to every output."""
    if not np.any(constants):
        return np.zeros(weights.shape[1])
    sums = weights.sum(axis=tuple(range(2, weights.ndim)), dtype=np.float64)
    return np.sum(sums * constants, axis=0)


def after_scaling(constants, scale, offset=0.0):
    """Returns constants after a scale, whose zeros need no constant."""
    return np.where(scale == 0.0, 0.0, constants * scale) + offset


def is_elementwise(activation):
    """Returns whether an activation is one of Keras, element by element."""
    name = getattr(activation, "__name__", "")
    return (
        getattr(keras.activations, name, None) is activation
        and name not in _MIXING
    )


def after(function, constants):
    """Returns constants after an element-wise function of tensors."""
    values = np.where(np.isnan(constants), 0.0, constants)
    values = function(ops.convert_to_tensor(values, "float32"))
    values = ops.convert_to_numpy(values).astype(np.float64)
    return np.where(np.isnan(constants), np.nan, values)
