"""How much of the way from one step of a run to a later one is done."""

import numbers

from keras_slr.solvers.progress import Progress


def check_steps(begin_step: float, end_step: float) -> None:
    """Raises a `ValueError` unless these are steps or fractions of a run.

    They have to be in order, as far as that is known before the run.
    """
    for name, step in (("begin_step", begin_step), ("end_step", end_step)):
        if step < 0 or not (_is_integer(step) or step <= 1):
            raise ValueError(
                f"Expected `{name}` to be an integer of steps or a fraction "
                f"of the run in [0.0, 1.0]. Received: {name}={step}."
            )
    alike = _is_integer(begin_step) == _is_integer(end_step)
    if alike and begin_step > end_step:
        raise ValueError(
            "Expected `begin_step` not to come after `end_step`. Received: "
            f"begin_step={begin_step}, end_step={end_step}."
        )


def done_between(
    begin_step: float, end_step: float, clock: Progress
) -> float | None:
    """Returns the completed fraction of the way between two steps.

    Args:
        begin_step: An integer of training steps or a float in `[0, 1]`, a
            fraction of the run.
        end_step: Likewise.
        clock: `Progress`.

    Returns:
        Float in `[0, 1]`, or `None` before `begin_step`, and while the length
        of the run is unknown but needed.
    """
    begin, end = (_in_steps(step, clock) for step in (begin_step, end_step))
    if begin is None or end is None or clock.step < begin:
        return None
    if clock.step >= end:
        return 1.0
    return (clock.step - begin) / (end - begin)


def _in_steps(step, clock):
    if _is_integer(step):
        return step
    return None if clock.total is None else step * clock.total


def _is_integer(step):
    return isinstance(step, numbers.Integral)
