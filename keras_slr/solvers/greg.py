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

By default the penalty is decoupled, see `solvers.slr`: after the optimizer's
step, the weights to prune lose a share of their value. As part of the gradient,
the effect of `reg` would depend on the optimizer, the learning rate, the scale
of the loss and the number of steps. `GReg.paper()` has it there. What was
picked never comes back, so by default it is gone early, and the rest trains
longer.
"""

import dataclasses
from typing import Any
from typing import Self

from keras_slr.record import PACKAGE
from keras_slr.solvers import forms
from keras_slr.solvers.continuation import check_penalty
from keras_slr.solvers.continuation import per_step
from keras_slr.solvers.progress import Progress
from keras_slr.solvers.registry import register_solver
from keras_slr.solvers.solver import Solver
from keras_slr.solvers.tensors import Masks
from keras_slr.solvers.tensors import Tensors


@register_solver("greg", PACKAGE)
@dataclasses.dataclass(frozen=True)
class GReg(Solver):
    """Growing regularization (arXiv 2012.09243).

    Args:
        reg: Positive float, the penalty at the end of its growth, `tau` in
            the publication. With a decoupled penalty, the share, below one,
            that the picked weights lose between two updates. Defaults to
            `0.99`.
        until: Float in `(0, 1]`, the fraction of the learning
            (`Clock.learned`) at which the penalty reaches `reg`. With a
            decoupled penalty, the picked weights are zero from then on. With a
            coupled one, the fraction of the steps. Defaults to `0.3`.
        pick_until: Float in `[0, 1)`, the fraction at which the weights to
            prune are picked: `0.0` for GReg-1. Defaults to `0.0`.
        pick_reg: Positive float, the penalty on all weights at that moment,
            `tau'` in the publication. Defaults to `1e-2`.
        penalty: `"decoupled"`, a share of the weights after the optimizer's
            step, or `"coupled"`, a part of the gradient that the optimizer
            sees. Defaults to `"decoupled"`.

    Raises:
        ValueError: If a number is outside its range.
    """

    reg: float = 0.99
    until: float = 0.3
    pick_until: float = 0.0
    pick_reg: float = 1e-2
    penalty: str = "decoupled"

    prefix = "greg"
    form = forms.Free
    scored = True

    def __post_init__(self):
        super().__post_init__()
        if self.reg <= 0 or self.pick_reg <= 0:
            raise ValueError(
                "Expected positive penalties. Received: "
                f"reg={self.reg}, pick_reg={self.pick_reg}."
            )
        check_penalty(self.penalty)
        if self.decoupled and max(self.reg, self.pick_reg) >= 1:
            raise ValueError(
                "Expected penalties below 1 with a decoupled penalty: the "
                "share that weights lose between two updates. Received: "
                f"reg={self.reg}, pick_reg={self.pick_reg}; "
                "GReg(penalty='coupled', ...) accepts larger values."
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
        until = kwargs.get("until", cls.until)
        return cls(**{"pick_until": until / 10} | kwargs)

    @classmethod
    def paper(cls, **kwargs: Any) -> Self:
        """Returns GReg-1 as published: `reg` grows to 1 in the gradient.

        GReg-2 as published is `GReg.paper(pick_until=0.075)`.

        Args:
            **kwargs: Other arguments of `GReg`.
        """
        settings: dict[str, Any] = {
            "reg": 1.0,
            "until": 0.75,
            "penalty": "coupled",
        }
        return cls(**settings | kwargs)

    @property
    def acts_on(self):
        return "weights" if self.decoupled else "gradients"

    @property
    def decoupled(self) -> bool:
        """Whether the penalty acts after the optimizer's step."""
        return self.penalty == "decoupled"

    def begin(self, tensors, clock):
        picked = self.pick_until == 0.0
        reg = self.strength(0.0, picked, clock.interval)
        tensors.start(reg)
        masks = self.pick(tensors) if picked else tensors.keep_none()
        tensors.ascend(masks, reg, reg)
        return GRegState(reg, picked)

    def update(self, state, tensors, loss, clock):
        del loss
        if state.settled:
            return state
        done = self.done(clock)
        picked = state.picked or done >= self.pick_until
        if not picked:
            masks = tensors.keep_none()
        elif not state.picked:
            masks = self.pick(tensors)
        else:
            masks = tensors.keep_support()
        if self.decoupled and done >= self.until:
            tensors.hold(masks)
            return GRegState(1.0, picked, settled=True)
        reg = self.strength(done, picked, clock.interval)
        tensors.ascend(masks, state.reg, reg)
        return GRegState(reg, picked)

    def settled(self, state, tensors, clock):
        del tensors
        if self.decoupled:
            return state.settled
        return state.picked and clock.progress >= self.until

    def logs(self, states):
        return {"reg": states[-1].reg, "picked": float(states[-1].picked)}

    def pick(self, tensors: Tensors) -> Masks:
        """Returns the masks of the weights that stay."""
        return tensors.keep(tensors.scores(), tensors.rates)

    def done(self, clock: Progress) -> float:
        """Returns the fraction of the learning, or of the steps, that is over.

        The optimizer multiplies a coupled penalty by the learning rate itself.
        """
        return clock.learned if self.decoupled else clock.progress

    def strength(self, done: float, picked: bool, interval: int) -> float:
        """Returns the penalty in one training step.

        Args:
            done: Float in `[0, 1]`, see `done`.
            picked: Boolean, whether the weights to prune have been picked.
            interval: Integer, training steps from one update to the next.
        """
        if picked:
            end, grown = self.reg, done - self.pick_until
            grown /= self.until - self.pick_until
        else:
            end, grown = self.pick_reg, done / self.pick_until
        reg = end * max(min(grown, 1.0), _FIRST)
        return per_step(reg, interval) if self.decoupled else reg


# The penalty marks the weights on which it acts, so it is never zero. This is
# the growth in the publication's first update.
_FIRST = 1e-4


@dataclasses.dataclass(frozen=True)
class GRegState:
    """The scalars of a run.

    Attributes:
        reg: The present penalty.
        picked: Whether the weights to prune have been picked.
        settled: Whether these weights are zero from now on.
    """

    reg: float
    picked: bool
    settled: bool = False
