"""The bits of a tensor, read as an integer."""

from keras_slr.backend.name import BACKEND

if BACKEND == "tensorflow":
    import tensorflow as tf
elif BACKEND == "jax":
    import jax
elif BACKEND == "torch":
    import torch


def bit_pattern(tensor):
    """Returns the bits of a float32 tensor as an int32 tensor.

    `keras.ops.view` does the same, but only from Keras 3.12 on.
    """
    if BACKEND == "tensorflow":
        return tf.bitcast(tensor, "int32")
    if BACKEND == "jax":
        return jax.lax.bitcast_convert_type(tensor, "int32")
    return tensor.view(torch.int32)
