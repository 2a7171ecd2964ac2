"""The alternating direction method of multipliers (arXiv 1804.03294).

The method from which SLR descends: the same split and the same projection. The
penalty weight itself is the stepsize of the multipliers, which take one step
after each projection, without conditions.

By default the free support, the decoupled penalty, the shrinking sets and the
settling of `solvers.slr` surround this step, so no constant depends on the
optimizer, its learning rate, the scale of the loss or the number of steps.
`ADMM.paper()` has none of these.
"""

import dataclasses
from typing import Any
from typing import Self

from keras_slr.record import PACKAGE
from keras_slr.schedules import Ramp
from keras_slr.schedules.schedule import Schedule
from keras_slr.solvers.continuation import Continuation
from keras_slr.solvers.registry import register_solver


@register_solver("admm", PACKAGE)
@dataclasses.dataclass(frozen=True)
class ADMM(Continuation):
    """The alternating direction method of multipliers (arXiv 1804.03294).

    Args:
        rho: Schedule of the penalty weight, a function of the fraction of the
            way to `freeze_at`, or a positive float for a constant weight.
            With a decoupled penalty, the fraction of the distance to `V`,
            below one, that `W` covers between two updates. Defaults to
            `"auto"`, see `SLR`.
        free_support: Boolean, whether entries in the support of `Z` train
            without the penalty, see `SLR`. Defaults to `True`.
        penalty: `"decoupled"` or `"coupled"`, see `SLR`. Defaults to
            `"decoupled"`.
        freeze_at: Float in `(0, 1]`, `"auto"` or `None`, see `SLR`. With
            `None` the set of kept entries changes to the end, and rho and the
            ramp are functions of the fraction of the steps. Defaults to
            `"auto"`.
        ramp: Schedule from zero to one by which the pruning rate is
            multiplied, or `None`, see `SLR`. Defaults to `Ramp()`.
        metric: Float in `[0, 1]` or `"auto"`, the power of the metric in
            which ADMM projects, see `SLR`. Defaults to `0.0`: by magnitude
            alone, as published.

    Raises:
        ValueError: If a number is outside its range.
    """

    rho: Schedule | float | str = "auto"
    free_support: bool = True
    penalty: str = "decoupled"
    freeze_at: float | str | None = "auto"
    ramp: Schedule | None = Ramp()
    metric: float | str = 0.0

    prefix = "admm"

    @classmethod
    def paper(cls, rho: Schedule | float = 1e-2, **kwargs: Any) -> Self:
        """Returns ADMM as published: a constant rho as a part of the gradient.

        The best rho differs between models, optimizers and learning rates.

        Args:
            rho: Positive float, or a schedule of the fraction of the steps.
                Defaults to `1e-2`.
            **kwargs: Other arguments of `ADMM`.
        """
        settings: dict[str, Any] = {
            "free_support": False,
            "penalty": "coupled",
            "freeze_at": None,
            "ramp": None,
        }
        return cls(rho, **settings | kwargs)

    def begin(self, tensors, clock):
        rho = self.strength(0.0, clock.interval, tensors)
        tensors.start(rho, self.share(0.0))
        return ADMMState(rho)

    def update(self, state, tensors, loss, clock):
        del loss
        if state.settled:
            return state
        way = self.way(clock, tensors)
        rho = state.rho
        freezes = self.freezes(way)
        settles = freezes and self.settles_in(tensors)
        if freezes and not settles:
            masks = tensors.keep_support()
        else:
            masks = tensors.keep_lifted(
                rho, share=self.share(way), power=self.power(tensors)
            )
        if settles:
            tensors.hold(masks)
            return ADMMState(1.0, settled=True)
        rho_next = self.strength(way, clock.interval, tensors)
        tensors.ascend(
            masks, rho, rho_next, s_2=rho, scale=self.scale(rho, rho_next)
        )
        return ADMMState(rho_next)

    def logs(self, states):
        return {"rho": states[-1].rho}

    def way(self, clock, tensors):
        if self.freeze_at is None:
            return clock.progress
        return super().way(clock, tensors)


@dataclasses.dataclass(frozen=True)
class ADMMState:
    """The scalars of a run.

    Attributes:
        rho: The penalty weight in force.
        settled: Whether `W = Z` holds exactly from now on.
    """

    rho: float
    settled: bool = False
