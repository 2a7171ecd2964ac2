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


def slots_of(optimizer):
    """Returns what an optimizer holds for the variables that it trains.

    Args:
        optimizer: Built optimizer.

    Returns:
        List of lists of variables, such as the momentums: each has one, or
        `None`, for every variable of `trained_variables`, in this order.
    """
    # The list of all variables may be as long by chance.
    own = {id(v) for v in optimizer.variables} - {id(optimizer.iterations)}
    return [
        slots
        for slots in vars(optimizer).values()
        if isinstance(slots, list)
        and len(slots) == len(trained_variables(optimizer))
        and all(slot is None or id(slot) in own for slot in slots)
    ]
