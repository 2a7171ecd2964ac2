"""Growing regularization, GReg-1 and GReg-2 (arXiv 2012.09243).

An L2 penalty grows on the weights to prune until they vanish: it adds `reg W`
to their gradients. GReg-1 picks these weights by their magnitudes at the
start. GReg-2 picks them after a first phase, in which the penalty grows on all
weights alike and the curvature of the loss drives their magnitudes apart.

The publication counts updates: `reg` grows by 1e-4 every 5 or 10 steps to 1.0
and then stays for 10 000 to 40 000 steps, 100 000 steps in all. Here the same
schedule is a function of the fraction of the run, so it fits any number of
steps. GReg-2's small negative penalty on kept weights, which cancels part of
the optimizer's weight decay, is omitted.
"""

import dataclasses
from typing import Any
from typing import Self

from keras_slr.record import PACKAGE
from keras_slr.solvers import forms
from keras_slr.solvers.registry import register_solver
from keras_slr.solvers.solver import Solver


@register_solver("greg", PACKAGE)
@dataclasses.dataclass(frozen=True)
class GReg(Solver):
    """Growing regularization (arXiv 2012.09243).

    Args:
        reg: Positive float, the penalty at the end of its growth, `tau` in
            the publication. Defaults to `1.0`.
        until: Float in `(0, 1]`, the fraction of the run at which the penalty
            reaches `reg`. Defaults to `0.75`.
        pick_until: Float in `[0, 1)`, the fraction of the run at which the
            weights to prune are picked: `0.0` for GReg-1. Defaults to `0.0`.
        pick_reg: Positive float, the penalty on all weights at that moment,
            `tau'` in the publication. Defaults to `1e-2`.

    Raises:
        ValueError: If a number is outside its range.
    """

    reg: float = 1.0
    until: float = 0.75
    pick_until: float = 0.0
    pick_reg: float = 1e-2

    prefix = "greg"
    form = forms.Free

    def __post_init__(self):
        super().__post_init__()
        if self.reg <= 0 or self.pick_reg <= 0:
            raise ValueError(
                "Expected positive penalties. Received: "
                f"reg={self.reg}, pick_reg={self.pick_reg}."
            )
        if not 0 <= self.pick_until < self.until <= 1:
            raise ValueError(
                "Expected fractions of the run 0 <= pick_until < until <= 1. "
                f"Received: pick_until={self.pick_until}, "
                f"until={self.until}."
            )

    @classmethod
    def one(cls, **kwargs: Any) -> Self:
        """Returns GReg-1, which picks by the magnitudes at the start."""
        return cls(**{"pick_until": 0.0} | kwargs)

    @classmethod
    def two(cls, **kwargs: Any) -> Self:
        """Returns GReg-2, which picks after a tenth of the growth."""
        return cls(**{"pick_until": 0.075} | kwargs)

    def begin(self, tensors, clock):
        del clock
        picked = self.pick_until == 0.0
        reg = self.strength(0.0, picked)
        tensors.start(reg)
        if not picked:
            tensors.ascend(tensors.keep_none(), reg, reg)
        return GRegState(reg, picked)

    def update(self, state, tensors, loss, clock):
        del loss
        picked = state.picked or clock.progress >= self.pick_until
        reg = self.strength(clock.progress, picked)
        if not picked:
            masks = tensors.keep_none()
        elif not state.picked:
            masks = tensors.keep(tensors.weights, tensors.rates)
        else:
            masks = tensors.keep_support()
        tensors.ascend(masks, state.reg, reg)
        return GRegState(reg, picked)

    def settled(self, state, tensors, clock):
        del tensors
        return state.picked and clock.progress >= self.until

    def logs(self, states):
        return {"reg": states[-1].reg, "picked": float(states[-1].picked)}

    def strength(self, progress: float, picked: bool) -> float:
        """Returns the penalty at `progress`."""
        if not picked:
            grown = progress / self.pick_until
            return self.pick_reg * max(grown, _FIRST)
        span = self.until - self.pick_until
        grown = min((progress - self.pick_until) / span, 1.0)
        return self.reg * max(grown, _FIRST)


# The penalty marks the weights on which it acts, so it is never zero. This is
# the growth in the publication's first update.
_FIRST = 1e-4


@dataclasses.dataclass(frozen=True)
class GRegState:
    """The scalars of a run.

    Attributes:
        reg: The present penalty.
        picked: Whether the weights to prune have been picked.
    """

    reg: float
    picked: bool
