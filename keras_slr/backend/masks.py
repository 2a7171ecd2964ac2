"""Masks that set entries to zero."""

import numpy as np
from keras import ops

from keras_slr.backend.name import BACKEND
from keras_slr.backend.on_replicas import update_each
from keras_slr.backend.variables import on_one_cpu
from keras_slr.backend.variables import to_numpy

if BACKEND == "tensorflow":
    import tensorflow as tf
elif BACKEND == "torch":
    import torch


def _mask_in_place(tensor, mask):
    """Sets a tensor to `+0.0` where its mask is zero, whatever it holds.

    A product would leave `-0.0`, and make NaN of Inf.

    Args:
        tensor: PyTorch tensor.
        mask: PyTorch tensor of the same shape, of ones and zeros.
    """
    if tensor.dtype != mask.dtype:
        tensor.masked_fill_(mask == 0, 0)
        return
    # A third of the time of `masked_fill_`: the sign bit of minus one, spread
    # over all bits, keeps an entry; zero clears it.
    bits = {2: torch.int16, 4: torch.int32, 8: torch.int64}[mask.itemsize]
    keep = mask.view(bits).neg().bitwise_right_shift_(8 * mask.itemsize - 1)
    tensor.view(bits).bitwise_and_(keep)


def mask_gradients(gradients, masks):
    """Returns the gradients with masked entries set to zero."""
    if BACKEND == "torch":
        with torch.no_grad():
            for g, m in zip(gradients, masks):
                _mask_in_place(g, m.value)
        return gradients
    if BACKEND == "tensorflow":
        gradients = [
            tf.convert_to_tensor(g) if isinstance(g, tf.IndexedSlices) else g
            for g in gradients
        ]
    return [
        ops.where(m.value > 0, g, ops.zeros((), g.dtype))
        for g, m in zip(gradients, masks)
    ]


def mask_variables(variables, masks):
    """Sets the masked entries of variables to zero, inside a train step."""
    if BACKEND == "torch":
        with torch.no_grad():
            for v, m in zip(variables, masks):
                _mask_in_place(v.value, m.value)
        return
    if BACKEND == "jax":
        for v, m in zip(variables, masks):
            v.assign(ops.where(m.value > 0, v.value, ops.zeros((), v.dtype)))
        return

    def mask_one(v, m):
        return v.assign(tf.where(m > 0, v, tf.zeros_like(v)))

    update_each(mask_one, variables, masks)


def apply_mask(variable, keep):
    """Sets the entries of a variable to `0.0` where `keep` is false.

    Args:
        variable: Keras variable.
        keep: Boolean array, NumPy or of the backend, of as many entries.
    """
    if BACKEND == "jax" and on_one_cpu(variable):
        # By NumPy: JAX would compile a function for each shape.
        value = np.array(variable.value)
        value[~np.reshape(keep, value.shape)] = 0
        variable.assign(value)
        return
    keep = ops.reshape(keep, variable.shape)
    zero = ops.zeros((), variable.dtype)
    variable.assign(ops.where(keep, variable.value, zero))


def is_zero_outside(variable, keep):
    """Returns whether a variable is zero where `keep` is false.

    Args:
        variable: See `apply_mask`.
        keep: See `apply_mask`.
    """
    if on_one_cpu(variable):
        value = to_numpy(variable)
        return not np.any(value[~np.reshape(keep, value.shape)])
    keep = ops.reshape(keep, variable.shape)
    return not bool(
        ops.any(
            ops.logical_and(
                ops.not_equal(variable.value, 0), ops.logical_not(keep)
            )
        )
    )
