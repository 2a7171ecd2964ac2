"""Metrics of the weights, from the squared gradients of an optimizer.

Optimizers of the Adam family hold a running mean `v` of each entry's squared
gradients. The metric `sum_i v_i^(2 q) w_i^2` weighs entries by the steepness
of the loss. With `q = 1/4` the optimizer's own steps are steepest descent in
that metric. With `q = 1/2` it is the empirical Fisher information, which
approximates the rise of the loss to second order.
"""

import types

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


def weighing(moment, mean, power):
    """Returns the factors by which entries compare in the metric.

    Args:
        moment: Float32 array of the backend or of NumPy: the mean squared
            gradients `v` of a tensor, or of a block of it.
        mean: Float or scalar, the mean of the tensor.
        power: Float, `q`.

    Returns:
        Array `(v + mean(v) / 10)^q` like `moment`.
    """
    return (moment + (LEAST_SQUARE * mean + TINY)) ** power
