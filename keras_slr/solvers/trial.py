"""The trial of weights before SLR chooses.

With `Z = 0` and `Lam = 0` each proximal step takes the same share of every
weight, and training gives back what the loss needs. Kernels in front of a
batch normalization alone are tried: their scale changes nothing, and what is
taken of all alike makes the steps of training larger for them. Of others it
would take from what the net puts out.

Where steps are large already the trial takes nothing. How large they are the
norms tell: the gradient of a weight whose scale changes nothing stands
upright on it, so that a step by an angle of `t` makes the square of its norm
`1 + t^2` times as large.
"""

import dataclasses
import math

# The trial leaves this power of the share of entries to be kept of a weight
# that training does not hold up: a half where 90 % are pruned, 0.62 where 80 %.
TRIAL_POWER = 0.3
# Runs of fewer steps than the first of these cannot make up for what that
# loses, and do without; the longer ones up to the second try less.
TRIAL_STEPS = (1000, 3000)
# Weights that turn by this angle a step, in radians, need no larger steps.
ANGLE = 1 / 32
# While the length of a run is not known nothing is pulled: too little for a
# float32 weight to change.
LEAST_RHO = 1e-12


def try_all(solver, state, tensors, loss, clock):
    """Frees only what is not tried until the next dual update.

    Args:
        solver: `SLR`.
        state: `SLRState`.
        tensors: See `dual_update`.
        loss: See `dual_update`.
        clock: `training.clock.Clock`.

    Returns:
        `SLRState`, with rho set for the steps to come.
    """
    tried = tensors.square(scale_free=True)
    share = clock.learning / solver.trial
    left = (1.0 - tensors.rate) ** (TRIAL_POWER * share * _effort(clock.total))
    left = max(left, min(_angle(tried, state, clock) / ANGLE, 1.0))
    # Rho tells bound entries from free ones: it is never zero, also while the
    # length of the run is not known.
    rho = max(1.0 - left ** (1.0 / clock.interval), LEAST_RHO)
    tensors.ascend(tensors.keep_none(scale_free=True), rho, rho)
    _, square = tensors.gap(rho)
    return dataclasses.replace(
        state,
        rho=rho,
        s=solver.stepsize * rho,
        residual=math.sqrt(tensors.square()),
        loss=loss,
        square=square,
        tried=tried * left**2,
    )


def _angle(tried, state, clock):
    """Returns by what angle steps since the last update turned the weights."""
    growth = tried / state.tried - 1.0 if state.tried else 0.0
    return math.sqrt(max(growth, 0.0) / clock.interval)


def _effort(steps):
    """Returns the share of the trial's power for a run of some steps."""
    none, all_ = TRIAL_STEPS
    return min(max(((steps or 0) - none) / (all_ - none), 0.0), 1.0)
