"""Metrics of the weights, from the squared gradients of an optimizer.

Optimizers of the Adam family hold a running mean `v` of each entry's squared
gradients. The metric `sum_i v_i^(2 q) w_i^2` weighs entries by the steepness
of the loss. With `q = 1/4` the optimizer's own steps are steepest descent in
that metric. With `q = 1/2` it is the empirical Fisher information, which
approximates the rise of the loss to second order.
"""

import types

import numpy as np
from keras import ops

from keras_slr import backend
from keras_slr.keras_internals.optimizers import squares_of

# This share of the mean over a tensor is added to each mean square. Otherwise
# entries whose gradients are small at the moment would be pruned for good, and
# the layers behind them would lose their gradients.
LEAST_SQUARE = 0.1
# In a tensor without any gradient yet, magnitudes decide.
TINY = 1e-30
# Where optimizers of PyTorch keep them: Adam and its relatives, RMSprop,
# Adagrad.
_SQUARES_OF_TORCH = ("exp_avg_sq", "square_avg", "sum")


def second_moment(optimizer, variable):
    """Returns the variable of the squared gradients that a step divides by.

    Args:
        optimizer: Optimizer of Keras, built, or of PyTorch; `None` if none
            trains the variable.
        variable: Keras variable that it trains.

    Returns:
        Keras variable of the shape of `variable`, or an object with a `value`
        like a variable, or `None` if the optimizer holds no such variable.
    """
    if optimizer is None:
        return None
    if backend.is_torch_optimizer(optimizer):
        state = optimizer.state.get(variable.value, {})
        found = [state[name] for name in _SQUARES_OF_TORCH if name in state]
        return types.SimpleNamespace(value=found[0]) if found else None
    return squares_of(optimizer, variable)


def weighing(optimizer, variable, power):
    """Returns the factors by which entries compare in the metric.

    Args:
        optimizer: See `second_moment`.
        variable: See `second_moment`.
        power: Float, `q`; zero for the Euclidean metric.

    Returns:
        Array `(v + mean(v) / 10)^q`, float32, of NumPy or of the backend
        depending on where `variable` lies, or `None` if the metric is
        Euclidean.
    """
    moment = second_moment(optimizer, variable) if power else None
    if moment is None:
        return None
    if backend.on_one_cpu(variable):
        v = np.asarray(backend.to_host(moment), np.float32)
        return _raised(v, float(v.mean(dtype=np.float64)), power)
    v = ops.cast(moment.value, "float32")
    return _raised(v, ops.mean(v), power)


def _raised(v, mean, power):
    return (v + LEAST_SQUARE * mean + TINY) ** power
