"""The alternating direction method of multipliers (arXiv 1804.03294).

The method from which SLR descends: the same split and the same projection. The
penalty weight itself is the stepsize of the multipliers, which take one step
after each projection, without conditions.
"""

import dataclasses

from keras_slr.record import PACKAGE
from keras_slr.schedules.check_schedule import schedule_of
from keras_slr.schedules.schedule import Schedule
from keras_slr.solvers import forms
from keras_slr.solvers.registry import register_solver
from keras_slr.solvers.solver import Solver


@register_solver("admm", PACKAGE)
@dataclasses.dataclass(frozen=True)
class ADMM(Solver):
    """The alternating direction method of multipliers (arXiv 1804.03294).

    Args:
        rho: Positive float, or a schedule of the fraction of the run.
            Defaults to `1e-2`; tune it for each model.
        free_support: Boolean, whether entries in the support of `Z` train
            without the penalty, see `SLR`. This is not part of ADMM. Defaults
            to `False`.
    """

    rho: Schedule | float = 1e-2
    free_support: bool = False

    prefix = "admm"

    def __post_init__(self):
        super().__post_init__()
        object.__setattr__(self, "rho", schedule_of("rho", self.rho))

    @property
    def form(self):
        return forms.Free if self.free_support else forms.Held

    def begin(self, tensors, clock):
        del clock
        rho = self.rho(0.0)
        tensors.start(rho)
        return ADMMState(rho)

    def update(self, state, tensors, loss, clock):
        del loss
        rho, rho_next = state.rho, self.rho(clock.progress)
        masks = tensors.keep_lifted(rho)
        tensors.ascend(masks, rho, rho_next, s_2=rho)
        return ADMMState(rho_next)

    def logs(self, states):
        return {"rho": states[-1].rho}


@dataclasses.dataclass(frozen=True)
class ADMMState:
    """The scalars of a run: the penalty weight in force."""

    rho: float
