"""Iterative pruning: remove a part, train, remove the next part."""

import dataclasses
import functools
import math

from keras_slr.record import PACKAGE
from keras_slr.solvers import forms
from keras_slr.solvers.between_steps import check_steps
from keras_slr.solvers.between_steps import done_between
from keras_slr.solvers.progress import Progress
from keras_slr.solvers.registry import register_solver
from keras_slr.solvers.solver import Solver


@register_solver("iterative", PACKAGE)
@dataclasses.dataclass(frozen=True)
class IterativePruning(Solver):
    """Iterative pruning: removes a part, trains, removes the next part.

    It removes the weights of the smallest magnitudes or scores in `n`
    iterations, which divide the way from step `t_0` to `t_1` into equal
    parts: iteration `i` is at `t_0 + (t_1 - t_0) i / n`. After it, the
    sparsity is `1 - (1 - s)^(i / n)`, where `s` is the pruning rate: every
    iteration removes the same share of what is left.

    Each iteration allocates the rates of the layers anew, by the weights as
    they are then. So with `allocation="balanced"`, `"global"`, `"lamp"` or
    `"pooled"`, one threshold applies to all layers each time. Zeros stay zero.

    Weight, unit and filter pruning (Rahul and others, IJEAT 9(4), 2020) has
    this schedule. The full text was not at hand: five iterations of 5 % each,
    with ten epochs between them, are the settings of the implementation of
    its partial-least-squares criterion. They correspond to a rate of `1 -
    0.95**5` in a run of 60 epochs with `end_step=5 / 6`.

    Args:
        iterations: Positive integer, `n`. Defaults to `5`.
        begin_step: `t_0`, an integer of training steps or a float in
            `[0, 1]`, a fraction of the run. Defaults to `0`.
        end_step: `t_1`, likewise; the model then trains on. Defaults to
            `0.5`.

    Raises:
        ValueError: If a number is outside its range.
    """

    iterations: int = 5
    begin_step: float = 0
    end_step: float = 0.5

    prefix = "iterative"
    form = forms.Masked
    acts_on = "weights"
    scored = True

    def __post_init__(self):
        super().__post_init__()
        if self.iterations < 1:
            raise ValueError(
                "Expected at least one of `iterations`. Received: "
                f"iterations={self.iterations}."
            )
        check_steps(self.begin_step, self.end_step)

    def begin(self, tensors, clock):
        del clock
        tensors.check_finite()
        rates = tensors.first_rates
        tensors.hold(tensors.keep(tensors.weights, rates))
        return IterativeState(0, max(rates), False)

    def update(self, state, tensors, loss, clock):
        del loss
        iteration = self.iteration(clock)
        if iteration <= state.iteration:
            return state
        tensors.check_finite()
        scores = list(tensors.scores())
        last = self.iterations
        tensors.rates, rates = (
            tensors.allocate(
                scores, functools.partial(self.sparsity, iteration=i)
            )
            for i in (last, iteration)
        )
        # A layer may be given a lower rate than before.
        tensors.hold(
            [
                mask & kept
                for mask, kept in zip(
                    tensors.keep(scores, rates), tensors.keep_support()
                )
            ]
        )
        sparsity = max(*rates, state.sparsity)
        return IterativeState(iteration, sparsity, iteration == last)

    def settled(self, state, tensors, clock):
        del tensors, clock
        return state.settled

    def logs(self, states):
        return {"target_sparsity": states[-1].sparsity}

    def iteration(self, clock: Progress) -> int:
        """Returns how many iterations are due."""
        done = done_between(self.begin_step, self.end_step, clock)
        # The quotient of whole steps may be a rounding error too small.
        return math.floor(self.iterations * (done or 0.0) + 1e-6)

    def sparsity(self, rate: float, iteration: int) -> float:
        """Returns the sparsity after some iterations."""
        if iteration == self.iterations:
            return rate
        return 1.0 - (1.0 - rate) ** (iteration / self.iterations)


@dataclasses.dataclass(frozen=True)
class IterativeState:
    """The scalars of a run.

    Attributes:
        iteration: Integer, how many iterations are over.
        sparsity: Float, the highest sparsity of any weight.
        settled: Boolean, whether all iterations are over.
    """

    iteration: int
    sparsity: float
    settled: bool
