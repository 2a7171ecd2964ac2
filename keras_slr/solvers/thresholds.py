"""Automated pruning: thresholds that learn (arXiv 1712.01721).

The model computes with `f(U; t)` of its weights `U`, a differentiable function
that is nearly zero below the threshold `t` of a layer (`pruning_function`). So
the loss has a gradient with respect to each threshold, and training can move
weights across it in both directions.

We had only the abstract. The formula of `f` is from memory, and the rest is our
reading:

- Thresholds move between training steps. Whether one rises or falls follows
  from the steps of the weights since the last update
  (`pruning_function.agreement`). This depends neither on the optimizer nor on
  the scale of the loss.
- Thresholds are multiplied by factors, so they stay positive. The publication
  uses a softplus for this.
- With a `strength`, which replaces the publication's regulariser, each
  threshold rises on its own. With a rate, all thresholds rise together until
  that share of the weights is below them, and the gradients decide in which
  layers.
"""

import dataclasses
import math
from typing import Any

import numpy as np
from keras import ops

from keras_slr.record import PACKAGE
from keras_slr.schedules import Ramp
from keras_slr.solvers import forms
from keras_slr.solvers.registry import register_solver
from keras_slr.solvers.solver import Solver

# The first threshold, as a share of the root mean square of a weight: it sets
# the scale, but prunes next to nothing.
_FIRST = 1e-3
# A threshold moves by `exp(2 speed)` at most, which float32 has to hold.
_FASTEST = 40.0
# A threshold that no weight is below: `f` is the identity.
NO_THRESHOLD = 1e-30


@register_solver("thresholds", PACKAGE)
@dataclasses.dataclass(frozen=True)
class LearnedThresholds(Solver):
    """Automated pruning with thresholds that learn (arXiv 1712.01721).

    Each layer learns a threshold together with its weights. With
    `allocation="pooled"`, the default unless there are rates by name or a
    structure, the thresholds decide how many weights each layer loses. With
    any other allocation, the allocation decides. Units of a structure, such as
    filters, have no thresholds: they leave as in gradual magnitude pruning.

    Args:
        strength: Float in `(0, 1)`, instead of a rate, a budget or a structure
            that fixes the rate. `pruning_function.agreement` measures how
            clearly the weights speak against a threshold; the threshold rises
            while that is below `strength`. Defaults to `None`: the thresholds
            rise to the requested rate.
        speed: Float in `(0, 40]`, how fast thresholds move. If all steps
            agreed on a threshold throughout the run, it would move by the
            factor `exp(speed)`. Defaults to `4.0`.
        until: Float in `(0, 1]`, the fraction of the learning
            (`Clock.learned`) after which entries below the threshold are held
            at zero and all others train without it. Defaults to `0.75`.

    Raises:
        ValueError: If a number is outside its range.
    """

    strength: float | None = None
    speed: float = 4.0
    until: float = 0.75

    prefix = "thresholds"
    form = forms.Latent
    default_allocation = "pooled"
    acts_on = "gradients"

    def __post_init__(self):
        super().__post_init__()
        if self.strength is not None and not 0 < self.strength < 1:
            raise ValueError(
                "Expected `strength` in (0, 1), or None to reach a rate. "
                f"Received: strength={self.strength}."
            )
        if not 0 < self.speed <= _FASTEST:
            raise ValueError(
                f"Expected `speed` in (0, {_FASTEST:g}]. Received: "
                f"speed={self.speed}."
            )
        if not 0 < self.until <= 1:
            raise ValueError(
                "Expected `until`, a fraction of the learning, in (0, 1]. "
                f"Received: until={self.until}."
            )

    @property
    def chooses_rate(self):
        return self.strength is not None

    def begin(self, tensors, clock):
        del clock
        tensors.check_finite()
        for u, w in zip(tensors.latent, tensors.weights):
            u.assign(ops.cast(w.value, u.dtype))
        first = [
            _FIRST * _scale(u) if single else NO_THRESHOLD
            for u, single in zip(tensors.latent, _single(tensors))
        ]
        if self.strength is not None:
            self._check_entries(tensors)
            first = [
                max(t, _smallest(u)) for t, u in zip(first, tensors.latent)
            ]
            tensors.rates = _shares(tensors, first)
        tensors.soften(_all(tensors), first)
        return ThresholdsState()

    def update(self, state, tensors, loss, clock):
        del loss
        if state.settled:
            return state
        tensors.check_finite()
        learned = clock.learned
        pace = self.speed * (learned - state.learned)
        thresholds = [
            t * math.exp(pace * ((self.strength or 0.0) - agreement))
            for t, agreement in zip(tensors.thresholds, tensors.agreements())
        ]
        done = min(learned / self.until, 1.0)
        if self.strength is None:
            rates, masks = self._reach(tensors, thresholds, done)
        else:
            rates = _shares(tensors, thresholds)
            masks = None
            # If the run ends early, no more than these leave.
            tensors.rates = rates
        if done == 1.0:
            tensors.rates = rates
            if masks is None:
                masks = tensors.keep(tensors.latent, rates)
            tensors.soften(masks, [NO_THRESHOLD for _ in thresholds])
        elif masks is None:
            tensors.soften(_all(tensors), thresholds)
        else:
            tensors.soften(*_softened(tensors, masks, thresholds))
        return ThresholdsState(learned, max(rates), done == 1.0)

    def settled(self, state, tensors, clock):
        del tensors, clock
        return state.settled

    def logs(self, states):
        return {"target_sparsity": states[-1].sparsity}

    def _reach(self, tensors, thresholds, done):
        """Returns the rates that are due, and the masks of entries to keep."""
        # The rates compare weights by their ratio to the threshold.
        scores = [
            u.value / (t if single else 1.0)
            for u, t, single in zip(
                tensors.latent, thresholds, _single(tensors)
            )
        ]
        share = Ramp()(done)
        rates = tensors.allocate(scores, lambda rate: share * rate)
        return rates, tensors.keep(scores, rates)

    def _check_entries(self, tensors):
        for constraint in tensors.constraints:
            if not _of_entries(constraint):
                found = "has no thresholds for units"
            elif constraint.structure.rate is not None:
                found = f"would not keep to {constraint.structure}"
            else:
                continue
            raise ValueError(
                f"Expected single entries beside `strength`, which {found}. "
                f"Received a structure of `{constraint.weights[0].path}`; "
                "leave `strength` out and ask for a rate instead."
            )


@dataclasses.dataclass(frozen=True)
class ThresholdsState:
    """The scalars of a run.

    Attributes:
        learned: Float, the fraction of the learning at the last update.
        sparsity: Float, the highest sparsity of any weight.
        settled: Boolean, whether the entries that stay are final.
    """

    learned: float = 0.0
    sparsity: float = 0.0
    settled: bool = False


def _softened(tensors, masks, thresholds):
    """Returns masks and thresholds for the steps to come.

    Where single entries are pruned, the threshold lies between those that
    stay and the others, and no entry is held. Units have no threshold: those
    that leave are held at zero.
    """
    single = _single(tensors)
    layers = [
        (np.abs(_numpy(u)), np.asarray(keep), t)
        for u, keep, t in zip(tensors.latent, masks, thresholds)
    ]
    # All thresholds rise by this factor, to the middle between the last entry
    # that leaves and the first that stays. Layers that lose nothing rise, too:
    # otherwise they would never lose anything.
    of_entries = [layer for layer, alone in zip(layers, single) if alone]
    level = 0.5 * (
        max((_most(x[~keep] / t) for x, keep, t in of_entries), default=0.0)
        + min((_least(x[keep] / t) for x, keep, t in of_entries), default=0.0)
    )
    found = [
        (
            whole,
            max(np.clip(level * t, _most(x[~k]), _least(x[k])), NO_THRESHOLD),
        )
        if alone
        else (mask, NO_THRESHOLD)
        for (x, k, t), mask, whole, alone in zip(
            layers, masks, _all(tensors), single
        )
    ]
    return zip(*found)


def _most(sizes):
    return float(sizes.max(initial=0.0))


def _least(sizes):
    return float(sizes.min(initial=np.inf))


def _smallest(u):
    """Returns a threshold below nearly all entries but zeros."""
    sizes = np.abs(_numpy(u))
    # What was pruned before stays below it.
    sizes = sizes[sizes > 0]
    return float(np.quantile(sizes, 0.01)) if sizes.size else 0.0


def _shares(tensors, thresholds):
    return [_below(u, t) for u, t in zip(tensors.latent, thresholds)]


def _below(u, t):
    """Returns the share of entries below a threshold, but keeps one entry."""
    sizes = np.abs(_numpy(u))
    return min(float(np.mean(sizes <= t)), 1.0 - 1.0 / sizes.size)


def _single(tensors):
    """Returns for each weight whether its single entries are pruned."""
    of_units = {
        id(weight.variable)
        for constraint in tensors.constraints
        if not _of_entries(constraint)
        for weight in constraint.weights
    }
    return [id(w) not in of_units for w in tensors.weights]


def _of_entries(constraint):
    return constraint.units == sum(w.size for w in constraint.weights)


def _all(tensors):
    return tensors.keep(tensors.latent, [0.0 for _ in tensors.rates])


def _scale(u: Any) -> float:
    """Returns the root mean square of a variable."""
    mean = ops.mean(ops.square(ops.cast(u.value, "float32")))
    return max(float(ops.convert_to_numpy(mean)) ** 0.5, NO_THRESHOLD)


def _numpy(u):
    return ops.convert_to_numpy(u.value)
