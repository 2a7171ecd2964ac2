"""The way from the dense weights to sparse ones, which SLR and ADMM share.

Both pull the weights `W` towards sparse copies `Z`. On the way, the sets of the
`Z` shrink and the pull grows. `solvers.slr` describes the parts and their
reasons; nothing here depends on how the multipliers step.
"""

import numbers
from typing import Any

from keras_slr.schedules import Geometric
from keras_slr.schedules.check_schedule import check_schedule
from keras_slr.schedules.check_schedule import schedule_of
from keras_slr.schedules.schedule import Schedule
from keras_slr.solvers import forms
from keras_slr.solvers.progress import Progress
from keras_slr.solvers.solver import Solver
from keras_slr.solvers.tensors import Tensors

# The pull begins weak, so that training decides which weights stay, and ends
# strong.
RHO = Geometric(0.5, 0.99)
# On a grid the pull acts on all entries and not only on those that are about
# to leave. It begins with next to none, so that they can change their levels.
RHO_ON_GRID = Geometric(0.01, 0.99)


class Continuation(Solver):
    """A method whose sets shrink and whose pull grows on the way.

    Subclasses are dataclasses with these fields, see `SLR`.

    Attributes:
        rho: Schedule of the penalty weight, or `"auto"`.
        freeze_at: Float, `"auto"` or `None`, the end of the way.
        free_support: Boolean.
        penalty: `"decoupled"` or `"coupled"`.
        ramp: Schedule of the factor of the pruning rate, or `None`.
        metric: Float or `"auto"`, the power of the metric of the projection.
    """

    rho: Schedule | float | str
    freeze_at: float | str | None
    free_support: bool
    penalty: str
    ramp: Schedule | None
    metric: float | str

    projects = True

    def __post_init__(self):
        super().__post_init__()
        if self.rho != "auto":
            object.__setattr__(self, "rho", schedule_of("rho", self.rho))
        if self.ramp is not None:
            check_schedule("ramp", self.ramp)
        check_penalty(self.penalty)
        rho = self.schedule(on_grid=False)
        if self.penalty == "decoupled" and not 0 < rho(1.0) < 1:
            name = type(self).__name__
            raise ValueError(
                "Expected rho between 0 and 1 with a decoupled penalty: the "
                "fraction of the distance to Z covered between two updates. "
                f"Received: rho={rho}; {name}(penalty='coupled', ...) "
                "accepts larger values."
            )
        at = self.freeze_at
        if (
            isinstance(at, str)
            and at != "auto"
            or (isinstance(at, numbers.Real) and not 0 < at <= 1)
        ):
            raise ValueError(
                "Expected `freeze_at` to be a fraction of the run in (0, 1], "
                f"'auto' or None. Received: freeze_at={at!r}."
            )
        if not (self.metric == "auto" or _is_share(self.metric)):
            raise ValueError(
                "Expected `metric`, a power of mean squared gradients, to be "
                f"in [0, 1] or 'auto'. Received: metric={self.metric!r}."
            )

    def schedule(self, on_grid: bool) -> Schedule:
        """Returns the schedule of rho.

        Args:
            on_grid: Boolean, whether the run has a grid.
        """
        schedule: Any = self.rho
        if schedule == "auto":
            return RHO_ON_GRID if on_grid else RHO
        return schedule

    @property
    def form(self):
        return forms.Free if self.free_support else forms.Held

    @property
    def acts_on(self):
        return "weights" if self.penalty == "decoupled" else "gradients"

    @property
    def settles(self) -> bool:
        """Whether entries outside the support are zero after `freeze_at`."""
        return self.penalty == "decoupled" and self.free_support

    def settles_in(self, tensors: Tensors) -> bool:
        """Whether `W = Z` holds exactly after `freeze_at`.

        On a grid all entries are bound, so the pull alone decides.

        Args:
            tensors: `solvers.tensors.Tensors`.
        """
        on_grid = tensors.on_grid and self.penalty == "decoupled"
        return self.settles or on_grid

    def settled(self, state, tensors, clock):
        if self.freeze_at is None:
            return super().settled(state, tensors, clock)
        return state.settled or (
            not self.settles_in(tensors)
            and self.freezes(self.way(clock, tensors))
        )

    def way(self, clock: Progress, tensors: Tensors) -> float:
        """Returns the fraction of the way to `freeze_at`.

        Args:
            clock: `solvers.progress.Progress`.
            tensors: `solvers.tensors.Tensors`.
        """
        begin = self.way_begins(tensors)
        at: Any = self.freeze_at
        if at == "auto":
            at = least(tensors, "freeze_at")
        elif at is None:
            at = 1.0
        return min(max(clock.learned - begin, 0.0) / (at - begin), 1.0)

    def way_begins(self, tensors: Tensors) -> float:
        """Returns the fraction of the learning at which the way begins."""
        del tensors
        return 0.0

    def power(self, tensors: Tensors) -> float:
        """Returns the power of the metric of the projection."""
        power: Any = self.metric
        return least(tensors, "metric") if power == "auto" else power

    def freezes(self, way: float) -> bool:
        """Returns whether the support is settled."""
        return self.freeze_at is not None and way >= 1.0

    def share(self, way: float) -> float:
        """Returns the present factor of the pruning rate."""
        return 1.0 if self.ramp is None else self.ramp(way)

    def strength(self, way: float, interval: int, tensors: Tensors) -> float:
        """Returns rho for one training step.

        Args:
            way: Float in `[0, 1]`, see `way`.
            interval: Integer, training steps from one update to the next.
            tensors: `solvers.tensors.Tensors`.
        """
        rho = self.schedule(tensors.on_grid)(way)
        return rho if self.penalty == "coupled" else per_step(rho, interval)

    def scale(self, rho: float, rho_next: float) -> float:
        """Returns the factor of `Lam` when rho changes.

        A decoupled penalty moves `W` towards `V = Z - Lam / rho`, which stays
        if `Lam` grows with rho.
        """
        return rho_next / rho if self.penalty == "decoupled" else 1.0


def check_penalty(penalty: str) -> None:
    """Raises a `ValueError` unless `penalty` is a known one."""
    if penalty not in ("coupled", "decoupled"):
        raise ValueError(
            "Expected `penalty` to be 'decoupled' or 'coupled'. Received: "
            f"penalty={penalty!r}."
        )


def per_step(share: float, interval: int) -> float:
    """Returns the share of a distance to cover in each training step.

    Args:
        share: Float in `(0, 1)`, the share to cover in all steps together.
        interval: Integer, the number of steps.
    """
    return 1.0 - (1.0 - share) ** (1.0 / interval)


def _is_share(value):
    return isinstance(value, numbers.Real) and 0 <= value <= 1


def least(tensors: Tensors, name: str) -> float:
    """Returns the least value of an attribute of a run's structures."""
    return min(getattr(c.structure, name) for c in tensors.constraints)
