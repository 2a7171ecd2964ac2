"""Checks that arguments are schedules."""

import numbers

from keras_slr.schedules.constant import Constant


def schedule_of(name, value):
    """Returns an argument as a schedule, a number as a constant one.

    Raises:
        ValueError: If it is neither.
    """
    if isinstance(value, numbers.Real) and not isinstance(value, bool):
        return Constant(float(value))
    check_schedule(name, value)
    return value


def check_schedule(name, value):
    """Raises a `ValueError` unless an argument is a schedule.

    Args:
        name: String, of the argument.
        value: Function of the fraction of the run in `[0, 1]` that returns a
            number.
    """
    # To call a class is to make a schedule of it.
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
