"""Pruning by magnitude, or by a score: gradually or in one step."""

import dataclasses
from typing import Self

from keras_slr.record import PACKAGE
from keras_slr.solvers import forms
from keras_slr.solvers.between_steps import check_steps
from keras_slr.solvers.between_steps import done_between
from keras_slr.solvers.progress import Progress
from keras_slr.solvers.registry import register_solver
from keras_slr.solvers.solver import Solver


@register_solver("gradual_magnitude", PACKAGE)
@dataclasses.dataclass(frozen=True)
class GradualMagnitude(Solver):
    """Gradual magnitude pruning: removes the smallest weights step by step.

    With a `score`, it removes those of the smallest scores. At step `t` the
    sparsity is `s_f + (s_i - s_f) (1 - (t - t_0) / (t_1 - t_0))^3`, where
    `s_f` is the pruning rate of the weight (Zhu and Gupta, arXiv 1710.01878,
    eq. 1), but never below the share of zeros before the run. Zeros stay zero:
    a mask is applied to the gradients before each update and to the weights
    after it.

    Args:
        initial_sparsity: Float in `[0, 1)`, `s_i`. Defaults to `0.0`.
        begin_step: `t_0`, an integer of training steps or a float in
            `[0, 1]`, a fraction of the run. Defaults to `0`.
        end_step: `t_1`, likewise. Defaults to `0.7`.
        power: Float, the exponent. Defaults to `3.0`.

    Raises:
        ValueError: If a number is outside its range.
    """

    initial_sparsity: float = 0.0
    begin_step: float = 0
    end_step: float = 0.7
    power: float = 3.0

    prefix = "gmp"
    form = forms.Masked
    acts_on = "weights"
    scored = True

    @classmethod
    def while_training(
        cls, begin_step: float = 0, end_step: float = 0.7
    ) -> Self:
        """Returns the method with equal parts removed at regular intervals.

        It is the schedule of pruning filters while training (Roy and others,
        arXiv 2003.02800), see `GradualMagnitudeCallback.while_training`.

        Args:
            begin_step: See above.
            end_step: See above.
        """
        return cls(begin_step=begin_step, end_step=end_step, power=1.0)

    def __post_init__(self):
        super().__post_init__()
        if not 0 <= self.initial_sparsity < 1:
            raise ValueError(
                "Expected `initial_sparsity` in [0, 1). Received: "
                f"initial_sparsity={self.initial_sparsity}."
            )
        check_steps(self.begin_step, self.end_step)
        if self.power <= 0:
            raise ValueError(
                "Expected a positive `power` of the ramp. Received: "
                f"power={self.power}."
            )

    def begin(self, tensors, clock):
        del clock
        rates = tensors.first_rates
        tensors.check_finite()
        tensors.hold(tensors.keep(tensors.scores(), rates))
        return MagnitudeState(max(rates))

    def update(self, state, tensors, loss, clock):
        del loss
        done = self.done(clock)
        if done is None:
            return state
        rates = [
            max(self.sparsity(rate, done), first)
            for rate, first in zip(tensors.rates, tensors.first_rates)
        ]
        tensors.hold(tensors.keep(tensors.scores(), rates))
        return MagnitudeState(max(rates))

    def settled(self, state, tensors, clock):
        del state, tensors
        return self.done(clock) == 1.0

    def logs(self, states):
        return {"target_sparsity": states[-1].sparsity}

    def done(self, clock: Progress) -> float | None:
        """Returns the completed fraction of the ramp.

        It is `None` before the ramp begins, and while the length of the run
        is unknown but needed.
        """
        return done_between(self.begin_step, self.end_step, clock)

    def sparsity(self, rate: float, done: float) -> float:
        """Returns the sparsity when a fraction `done` of the ramp is over."""
        initial = min(self.initial_sparsity, rate)
        return rate + (initial - rate) * (1.0 - done) ** self.power


@register_solver("one_shot_magnitude", PACKAGE)
@dataclasses.dataclass(frozen=True)
class OneShotMagnitude(Solver):
    """One-shot magnitude pruning: removes the smallest weights at once.

    With a `score`, those of the smallest scores.

    Args:
        at: Float in `[0, 1]`, the fraction of the run at which the weights
            are removed: `0.0` trains the sparse model from the first step,
            `1.0` trains the dense model and prunes at the last step, after
            which no training makes up for the removed weights. Defaults to
            `0.0`.

    Raises:
        ValueError: If `at` is outside its range.
    """

    at: float = 0.0

    prefix = "one_shot"
    form = forms.Masked
    acts_on = "weights"
    scored = True

    def __post_init__(self):
        super().__post_init__()
        if not 0 <= self.at <= 1:
            raise ValueError(
                f"Expected `at` to be in [0, 1]. Received: at={self.at}."
            )

    def begin(self, tensors, clock):
        del clock
        tensors.check_finite()
        whole = self.at > 0.0
        rates = tensors.first_rates if whole else tensors.rates
        tensors.hold(tensors.keep(tensors.scores(), rates))
        return MagnitudeState(0.0 if whole else max(rates))

    def update(self, state, tensors, loss, clock):
        del loss
        if state.sparsity or clock.progress < self.at:
            return state
        tensors.hold(tensors.keep(tensors.scores(), tensors.rates))
        return MagnitudeState(max(tensors.rates))

    def settled(self, state, tensors, clock):
        del tensors, clock
        # With `at=1.0` training is dense up to the last step.
        return self.at == 1.0 or state.sparsity > 0.0

    def logs(self, states):
        return {"target_sparsity": states[-1].sparsity}


@dataclasses.dataclass(frozen=True)
class MagnitudeState:
    """The scalars of a run: the highest sparsity of any weight."""

    sparsity: float
