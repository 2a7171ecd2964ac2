"""Reading and writing variables from outside a compiled step."""

import math

import numpy as np
from keras import ops

from keras_slr.backend.name import BACKEND
from keras_slr.keras_internals.variables import has_value

if BACKEND == "tensorflow":
    import tensorflow as tf
elif BACKEND == "jax":
    import jax
    from jax.experimental import multihost_utils
elif BACKEND == "torch":
    import torch

# Bytes.
_CACHE_LINE = 64


def to_host(variable):
    """Returns a variable as a float32 NumPy array, without a copy if possible.

    The array must be read, not written: on JAX and PyTorch it may be the
    variable's own memory. What is sharded over devices is gathered.
    """
    value = variable.value
    if BACKEND == "torch":
        value = value.detach()
        if value.dtype != torch.float32:
            value = value.float()
        return value.cpu().numpy()
    if BACKEND == "tensorflow":
        value = tf.convert_to_tensor(value)
        if value.dtype != tf.float32 or "CPU" not in value.device:
            return value.numpy().astype(np.float32, copy=False)
        return np.asarray(memoryview(value))
    if not (value.is_fully_addressable or value.is_fully_replicated):
        value = multihost_utils.process_allgather(value, tiled=True)
    return np.asarray(value).astype(np.float32, copy=False)


def host_target(variable):
    """Returns an array to fill, for `assign_from_host`.

    Args:
        variable: Keras variable of float32 on one CPU.

    Returns:
        NumPy array of its shape; on PyTorch, its own memory.
    """
    if BACKEND == "torch" and variable.value.is_contiguous():
        return variable.value.detach().numpy()
    # JAX and TensorFlow take over arrays that begin at a cache line, and copy
    # others.
    size = math.prod(variable.shape)
    memory = np.empty(4 * size + _CACHE_LINE, np.uint8)
    start = -memory.ctypes.data % _CACHE_LINE
    array = memory[start : start + 4 * size].view(np.float32)
    return array.reshape(variable.shape)


def assign_from_host(variable, array):
    """Sets a variable to an array of `host_target`, which it takes over."""
    if BACKEND == "torch":
        value = torch.from_numpy(array)
        if value.data_ptr() != variable.value.data_ptr():
            variable.value.detach().copy_(value)
    elif BACKEND == "tensorflow":
        variable.assign(tf.experimental.dlpack.from_dlpack(array.__dlpack__()))
    else:
        variable.assign(array)


def to_numpy(variable):
    """Returns a variable as a NumPy array of its own dtype, to be read."""
    value = variable.value
    if BACKEND == "tensorflow":
        # Inside the scope of a strategy a variable is no array by itself.
        value = tf.convert_to_tensor(value)
    return ops.convert_to_numpy(value)


def to_host_scalar(tensor):
    """Returns a scalar tensor as a Python float."""
    if BACKEND == "torch":
        tensor = tensor.detach()
    return float(tensor)


def detached(number):
    """Returns a number or scalar tensor without what its gradient needs."""
    return number.detach() if hasattr(number, "detach") else number


def on_one_cpu(variable):
    """Returns whether a variable lies whole in the memory of one CPU."""
    value = variable.value
    if BACKEND == "torch":
        return value.device.type == "cpu"
    if BACKEND == "jax":
        devices = value.devices()
        return len(devices) == 1 and next(iter(devices)).platform == "cpu"
    device = getattr(value, "device", None) or ""
    return "GPU" not in device and "TPU" not in device


def fill(variable, number):
    """Sets every entry of a variable, where it lies."""
    if not has_value(variable):
        variable.assign(ops.full(variable.shape, number, variable.dtype))
        return
    variable.assign(ops.full_like(variable.value, number))


def parts(variable):
    """Returns what this process holds of a variable.

    Returns:
        Dict of NumPy arrays by place, one array unless the variable is
        sharded. They must be read, not written, see `to_host`.
    """
    if BACKEND == "jax":
        return _shards(variable.value)
    return {"whole": to_numpy(variable)}


def raw_parts(variable, value=None):
    """Returns the bytes of what this process holds of a variable, a list.

    Args:
        variable: Keras variable.
        value: Tensor in place of the value that it holds, on JAX. Defaults to
            `None`.
    """
    held = parts(variable) if value is None else _shards(value)
    return [part.tobytes() for part in held.values()]


def _shards(value):
    return {
        str(shard.index): np.asarray(shard.data)
        for shard in value.addressable_shards
    }


def assign_parts(variable, arrays):
    """Sets a variable to what `parts` has returned."""
    if BACKEND == "jax":
        value = variable.value
        variable.assign(
            jax.make_array_from_callback(
                value.shape, value.sharding, lambda index: arrays[str(index)]
            )
        )
    else:
        variable.assign(arrays["whole"])


def unshare(variables):
    """Gives every variable a buffer of its own.

    Keras on JAX copies moving averages into the weights at the end of a
    `fit` by sharing their buffers; the next compiled step refuses to be
    given the same buffer twice.
    """
    if BACKEND == "jax":
        for variable in variables:
            variable.assign(ops.copy(variable.value))
