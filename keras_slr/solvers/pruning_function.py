"""The differentiable pruning function, and its slopes.

Manessi and others (arXiv 1712.01721) let the model compute with `f(w; t)`, in
which the threshold `t` of a layer learns together with its weights:

    f(w; t) = sgn(w) (ReLU(|w| - t) + t sigmoid(k (|w| / t - 1)))

With a steep slope `k` this approaches the hard threshold: `w` above `t`, and
nearly zero below. The formula is quoted from memory. The publication measures
the slope in units of `w`. Here it is in units of `t`, so that the scale of a
layer does not matter.

`ops` is `keras.ops` or a module with functions of these names.
"""

from typing import Any

# With this slope, an entry a fifth below the threshold keeps a tenth of `t`.
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
    """Returns how far the weights' steps agree that `t` should not rise.

    Every optimizer moves a weight against its gradient. So the step stands in
    for the gradient, up to the learning rate. `slope_ratio` turns it into the
    gradient with respect to `t`.

    Args:
        ops: `keras.ops`.
        w: Float32 tensor, the weights before pruning.
        before: Float32 tensor, the weights some steps ago; not finite for
            weights that are held at zero.
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

    By the chain rule, a gradient by `w` times this ratio is that by `t`. Both
    derivatives vanish far below the threshold, but their ratio does not.
    """
    ratio = ops.abs(w) / t
    s = ops.sigmoid(SLOPE * (ratio - 1.0))
    below = 1.0 / (SLOPE * (1.0 - s)) - ratio
    over = (ratio - 1.0 + s) / (1.0 + SLOPE * s * (1.0 - s)) - ratio
    return ops.sign(w) * ops.where(ratio > 1.0, over, below)
