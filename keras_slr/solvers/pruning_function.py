"""The differentiable pruning function, and its slopes.

Manessi and others (arXiv 1712.01721) let the model compute with `f(w; t)`, in
which the threshold `t` of a layer learns together with its weights:

    f(w; t) = sgn(w) (ReLU(|w| - t) + t sigmoid(k (|w| / t - 1)))

With a steep slope `k` this is the hard threshold: `w` above `t`, and nearly
zero below. The formula is remembered; the publication's slope counts in units
of `w`, this one in units of `t`, so that no layer's scale matters.

`ops` is `keras.ops` or a module with functions of these names.
"""

from typing import Any

# The slope at the threshold: an entry a fifth below it keeps a tenth of `t`.
SLOPE = 10.0


def pruned(ops: Any, w: Any, t: Any) -> Any:
    """Returns `f(w; t)`.

    Args:
        ops: `keras.ops`.
        w: Float32 tensor, the weights before pruning.
        t: Positive float32 scalar, the threshold.
    """
    size = ops.abs(w)
    soft = t * ops.sigmoid(SLOPE * (size / t - 1.0))
    return ops.sign(w) * (ops.relu(size - t) + soft)


def slope_in_w(ops: Any, w: Any, t: Any) -> Any:
    """Returns the derivative of `f` by `w`, see `pruned`."""
    size = ops.abs(w)
    s = ops.sigmoid(SLOPE * (size / t - 1.0))
    above = ops.cast(size > t, "float32")
    return above + SLOPE * s * (1.0 - s)


def agreement(ops: Any, w: Any, before: Any, t: Any) -> Any:
    """Returns how far the steps of the weights agree on the threshold.

    A step of a weight is against its gradient. So it tells, up to the learning
    rate, the gradient by the threshold, whatever the optimizer.

    Args:
        ops: `keras.ops`.
        w: Float32 tensor, the weights before pruning.
        before: Float32 tensor, what they were some steps ago; not finite for
            weights that are held.
        t: Positive float32 scalar, the threshold.

    Returns:
        Scalar in `[-1, 1]`: the sum of all contributions over the sum of their
        magnitudes. It is positive if a higher threshold would raise the loss.
    """
    step = ops.where(ops.isfinite(before), w - before, 0.0)
    found = -step * slope_ratio(ops, w, t)
    return ops.sum(found) / ops.maximum(ops.sum(ops.abs(found)), 1e-30)


def slope_ratio(ops: Any, w: Any, t: Any) -> Any:
    """Returns the derivative of `f` by `t` over that by `w`, see `pruned`.

    It turns what moved a weight into what would have moved the threshold.
    Both derivatives vanish far below the threshold, but their ratio does not.
    """
    ratio = ops.abs(w) / t
    s = ops.sigmoid(SLOPE * (ratio - 1.0))
    below = 1.0 / (SLOPE * (1.0 - s)) - ratio
    over = (ratio - 1.0 + s) / (1.0 + SLOPE * s * (1.0 - s)) - ratio
    return ops.sign(w) * ops.where(ratio > 1.0, over, below)
