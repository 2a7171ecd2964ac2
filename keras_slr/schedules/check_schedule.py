"""Checks and converts arguments that are schedules."""

import numbers

from keras_slr.schedules.constant import Constant


def schedule_of(name, value):
    """Returns a schedule as it is, and a number as a constant schedule.

    Args:
        name: String, the name of the argument.
        value: Schedule or float.

    Raises:
        ValueError: If `value` is neither.
    """
    if isinstance(value, numbers.Real) and not isinstance(value, bool):
        return Constant(float(value))
    check_schedule(name, value)
    return value


def check_schedule(name, value):
    """Raises a `ValueError` unless an argument is a schedule.

    Args:
        name: String, the name of the argument.
        value: Function of the fraction of the run in `[0, 1]` that returns a
            number.
    """
    # Calling a class would create an instance.
    if callable(value) and not isinstance(value, type):
        try:
            values = [value(0.0), value(1.0)]
        except TypeError:
            values = [None]
        if all(isinstance(each, numbers.Real) for each in values):
            return
    raise ValueError(
        f"Expected `{name}` to be a schedule, a function of the fraction of "
        "the run such as keras_slr.schedules.Geometric(0.1, 1.0). Received: "
        f"{name}={value!r}."
    )
