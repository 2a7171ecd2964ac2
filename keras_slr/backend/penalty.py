"""The quadratic penalty as part of a train step."""

import numpy as np
from keras import ops

from keras_slr.backend.name import BACKEND
from keras_slr.backend.on_replicas import update_each

if BACKEND == "tensorflow":
    import tensorflow as tf
elif BACKEND == "torch":
    import torch

# What marks a free entry in `C`, see `solvers.forms`. TensorFlow runs the sum
# operation by operation: there two over whole tensors, with `R`, are faster
# than the five that an infinite `C` takes. Where the sum is one pass over
# memory, not reading `R` is faster.
FREE = np.float32(0.0 if BACKEND == "tensorflow" else np.inf)

# Entries from which on one pass over memory is worth a call of XLA on
# TensorFlow; small weights lie in the cache.
_FUSED_FROM = 2**18

# Entries per block in which PyTorch adds a penalty on a CPU. A temporary of a
# whole kernel would be fresh memory from the system in every step, which
# costs several times the addition.
_BLOCK = 1 << 18


def _add_in_place(gradients, weights, shifts, rho, scale):
    scratch = torch.empty(_BLOCK)
    for g, w, c in zip(gradients, weights, shifts):
        w, c = w.value, c.value
        if g.device.type != "cpu" or not (
            g.is_contiguous() and w.is_contiguous()
        ):
            shift = torch.addcmul(c, w.to(c.dtype), rho)
            g.add_(_zero_if_free(shift).to(g.dtype), alpha=scale)
            continue
        # A number, not a tensor of none: several times as fast, and no
        # synchronisation on a CPU.
        number = float(rho)
        blocks = (t.view(-1).split(_BLOCK) for t in (g, w, c))
        for g_part, w_part, c_part in zip(*blocks):
            shift = torch.add(
                c_part,
                w_part.to(c.dtype),
                alpha=number,
                out=scratch[: len(g_part)],
            )
            g_part.add_(_zero_if_free(shift).to(g.dtype), alpha=scale)


def _pull_in_place(weights, shifts, rho):
    scratch = torch.empty(_BLOCK)
    for w, c in zip(weights, shifts):
        w, c = w.value, c.value
        if w.device.type != "cpu" or not w.is_contiguous():
            shift = torch.addcmul(c, w.to(c.dtype), rho)
            w.sub_(_zero_if_free(shift).to(w.dtype))
            continue
        number = float(rho)
        for w_part, c_part in zip(
            w.view(-1).split(_BLOCK), c.view(-1).split(_BLOCK)
        ):
            shift = torch.add(
                c_part,
                w_part.to(c.dtype),
                alpha=number,
                out=scratch[: len(w_part)],
            )
            w_part.sub_(_zero_if_free(shift).to(w.dtype))


def _zero_if_free(shift):
    return torch.nan_to_num_(shift, nan=torch.nan, posinf=0.0)


def _add_up(gradients, weights, shifts, strengths, scale):
    """Returns `G + scale (C + R W)` with whole tensors, on TensorFlow."""
    amended = []
    for g, w, c, r in zip(gradients, weights, shifts, strengths):
        g = tf.convert_to_tensor(g)
        pull = r.value * tf.cast(w.value, "float32")
        if g.dtype == tf.float32 and scale == 1.0:
            amended.append(tf.add_n([g, c.value, pull]))
        else:
            amended.append(g + tf.cast(scale * (c.value + pull), g.dtype))
    return amended


def add_penalty(gradients, weights, shifts, strengths, rho, scale):
    """Adds `scale (C + R W)` to the gradients of the pruned weights.

    Nothing is added to free entries, those with `R = 0`.

    Args:
        gradients: List of backend tensors, one per weight.
        weights: List of Keras variables `W`.
        shifts: List of Keras variables `C`, `FREE` on free entries.
        strengths: List of Keras variables `R`, or the scalar `rho` for a
            weight without free entries.
        rho: Scalar Keras variable, float32, that `R` is elsewhere.
        scale: Float.

    Returns:
        List of backend tensors. On PyTorch they are the given ones, changed
        in place: `zero_grad` drops them before the next backward pass, and
        new ones would cost as much again.
    """
    if BACKEND == "torch":
        with torch.no_grad():
            _add_in_place(gradients, weights, shifts, rho.value, scale)
        return gradients
    if BACKEND == "tensorflow":
        return _add_up(gradients, weights, shifts, strengths, scale)
    amended = []
    for g, w, c in zip(gradients, weights, shifts):
        shift = c.value + rho.value * ops.cast(w.value, "float32")
        shift = ops.where(ops.isinf(shift), 0.0, shift)
        if scale != 1.0:
            shift = shift * scale
        amended.append(g + ops.cast(shift, g.dtype))
    return amended


def pull(weights, shifts, strengths, rho):
    """Takes `C + R W` from the weights, inside a train step.

    Args:
        weights: List of Keras variables `W`.
        shifts: See `add_penalty`.
        strengths: See `add_penalty`.
        rho: See `add_penalty`.
    """
    if BACKEND == "torch":
        with torch.no_grad():
            _pull_in_place(weights, shifts, rho.value)
        return
    if BACKEND == "jax":
        for w, c in zip(weights, shifts):
            shift = c.value + rho.value * ops.cast(w.value, "float32")
            shift = ops.where(ops.isinf(shift), 0.0, shift)
            w.assign(w.value - ops.cast(shift, w.dtype))
        return

    def pulled(w, c, r):
        return w - tf.cast(c + r * tf.cast(w, "float32"), w.dtype)

    def pull_one(w, c, r):
        fused = w.shape.num_elements() >= _FUSED_FROM
        if not fused or tf.executing_eagerly():
            return w.assign(pulled(w, c, r))
        # A function for each weight: one for all would warn of retracing.
        one_pass = tf.function(pulled, jit_compile=True)
        return w.assign(one_pass(w, c, r))

    update_each(pull_one, weights, shifts, strengths)
