"""Weights `u` that the optimizer trains, while the model computes with `f(u)`.

`f` is the pruning function with the threshold of each weight, see
`solvers.pruning_function`. The model's own variable holds `f(u)`, except while
the optimizer takes its step: then it holds `u`. A threshold below zero switches
this off.
"""

from keras import ops

from keras_slr import backend
from keras_slr.solvers.pruning_function import pruned
from keras_slr.solvers.pruning_function import slope_in_w

# A threshold that no weight is below.
NONE = 1e-30


def enter(gradients, slots):
    """Puts `u` into the weights; returns the gradients with respect to `u`.

    Args:
        gradients: List of backend tensors, with respect to `f(u)`.
        slots: List of `PrunedWeight` with thresholds: `a` holds `u`, and `c`
            is not finite where an entry is held at zero.
    """
    amended = []
    for gradient, slot in zip(gradients, slots):
        gradient, t = backend.whole_gradient(gradient), slot.t.value
        slope = slope_in_w(ops, slot.a.value, ops.maximum(t, NONE))
        slope = ops.where(ops.isfinite(slot.c.value), slope, 0.0)
        slope = ops.where(t < 0.0, 1.0, slope)
        amended.append(gradient * ops.cast(slope, gradient.dtype))
    backend.assign_each(
        _entered, [s.w for s in slots], [s.a for s in slots], _thresholds(slots)
    )
    return amended


def leave(slots):
    """Saves `u` from the weights, and puts `f(u)` there, see `enter`."""
    backend.assign_each(
        _taken, [s.a for s in slots], [s.w for s in slots], _thresholds(slots)
    )
    show(slots)


def show(slots):
    """Puts `f(u)` into the weights, see `enter`."""
    backend.assign_each(
        _shown,
        [s.w for s in slots],
        [s.a for s in slots],
        _thresholds(slots),
        [s.c for s in slots],
    )


def _thresholds(slots):
    return [slot.t for slot in slots]


def _entered(w, u, t):
    return ops.where(t < 0.0, w, ops.cast(u, w.dtype))


def _taken(u, w, t):
    return ops.where(t < 0.0, u, ops.cast(w, u.dtype))


def _shown(w, u, t, c):
    f = pruned(ops, u, ops.maximum(t, NONE))
    f = ops.where(ops.isfinite(c), f, 0.0)
    return ops.where(t < 0.0, w, ops.cast(f, w.dtype))
