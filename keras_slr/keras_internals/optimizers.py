"""What optimizers of Keras hold besides their public attributes."""

import keras

# Where they keep squared gradients of the shape of a weight: the family of
# Adam and RMSprop, and Adagrad.
_SQUARES = ("_velocities", "_accumulators")


def trained_variables(optimizer):
    """Returns the variables that an optimizer trains, empty if not built."""
    return optimizer._trainable_variables


def average_of(optimizer, variable):
    """Returns the moving average of a variable, a variable.

    Args:
        optimizer: Built optimizer made with `use_ema=True`.
        variable: Keras variable that it trains.
    """
    index = optimizer._get_variable_index(variable)
    return optimizer._model_variables_moving_average[index]


def squares_of(optimizer, variable):
    """Returns the variable of squared gradients of a variable.

    Args:
        optimizer: Built optimizer.
        variable: Keras variable that it trains.

    Returns:
        Keras variable of the same shape, or `None`: SGD, for one, keeps none,
        and factored ones of other shapes do not count.
    """
    index = optimizer._get_variable_index(variable)
    for name in _SQUARES:
        squares = getattr(optimizer, name, None)
        if squares and tuple(squares[index].shape) == tuple(variable.shape):
            return squares[index]
    return None


def schedule_of(optimizer):
    """Returns an optimizer's `LearningRateSchedule`, `None` without one.

    The public `learning_rate` is the schedule's value at the current step.
    """
    rate = optimizer._learning_rate
    is_schedule = isinstance(
        rate, keras.optimizers.schedules.LearningRateSchedule
    )
    return rate if is_schedule else None


def untrack(optimizer, variable):
    """Removes a variable that `add_variable` has added to an optimizer."""
    optimizer._untrack_variable(variable)


def strategy_of(optimizer):
    """Returns the `tf.distribute.Strategy` of an optimizer on TensorFlow."""
    return optimizer._distribution_strategy
