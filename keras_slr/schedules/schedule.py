"""The type of schedules."""

from collections.abc import Callable

# A function of the fraction of the run in `[0, 1]`.
Schedule = Callable[[float], float]
