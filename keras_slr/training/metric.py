"""Metrics made of what an optimizer knows of the loss.

Optimizers of the Adam family hold a running mean `v` of each entry's squared
gradients. In the metric `sum_i v_i^(2 q) w_i^2` entries count by how steep the
loss is in them: with `q = 1/4` as in the optimizer's own steps, which are
steepest descent in that metric, with `q = 1/2` as in the empirical Fisher
information, by which the loss rises to second order.
"""

import numpy as np
from keras import ops

from keras_slr.training import backend

# Where optimizers of Keras keep squared gradients of the shape of a weight.
_SQUARES = ("_velocities", "_accumulators")


def second_moment(optimizer, variable):
    """Returns the variable of squared gradients that a step divides by.

    Args:
        optimizer: Keras optimizer, built.
        variable: Keras variable that it trains.

    Returns:
        Keras variable of the shape of `variable`, or `None` if the optimizer
        holds none.
    """
    try:
        index = optimizer._get_variable_index(variable)
    except (AttributeError, KeyError):
        return None
    for name in _SQUARES:
        moments = getattr(optimizer, name, None)
        if moments and tuple(moments[index].shape) == tuple(variable.shape):
            return moments[index]
    return None


def weighing(optimizer, variable, power):
    """Returns what entries are multiplied by to be compared in the metric.

    Args:
        optimizer: See `second_moment`.
        variable: See `second_moment`.
        power: Float, `q`; zero for the Euclidean metric.

    Returns:
        Array `(sqrt(v) + epsilon)^(2 q)`, float32, NumPy or of the backend
        as `variable` is held, or `None` where the metric is Euclidean.
    """
    moment = second_moment(optimizer, variable) if power else None
    if moment is None:
        return None
    epsilon = getattr(optimizer, "epsilon", 1e-7)
    if backend.on_one_cpu(variable):
        moment = backend.to_host(moment)
        return (np.sqrt(moment) + np.float32(epsilon)) ** np.float32(2 * power)
    value = ops.cast(moment.value, "float32")
    return ops.power(ops.sqrt(value) + epsilon, 2 * power)
