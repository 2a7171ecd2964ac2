"""The trial of weights, before SLR first chooses.

With `Z = 0` and `Lam = 0`, each proximal step shrinks every weight by the same
factor, and training restores what the loss needs. Only kernels in front of a
batch normalization take part: their scale does not change the model's output,
and the smaller they are, the larger the training steps are relative to them.
For other weights, shrinking would change the output.

If the steps are large already, the trial does not shrink. The norms tell how
large they are: for scale-invariant weights the gradient is orthogonal to the
weight, so a step that turns it by an angle `t` multiplies the square of its
norm by `1 + t^2`.
"""

import dataclasses
import math

# The trial shrinks a weight that training does not restore to this power of
# the fraction of entries to keep: to 0.5 at a rate of 90 %, to 0.62 at 80 %.
TRIAL_POWER = 0.3
# Runs of fewer steps than the first number have no trial, because they are too
# short to recover; it reaches its full strength at the second number.
TRIAL_STEPS = (1000, 3000)
# Weights that turn by this angle per step, in radians, need no larger steps.
ANGLE = 1 / 32
# Too little to change a float32 weight: the pull while the length of the run
# is unknown.
LEAST_RHO = 1e-12


def try_all(solver, state, tensors, loss, clock):
    """Pulls the weights on trial towards zero until the next dual update.

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
    # Rho marks the entries that are not free, so it is never zero, not even
    # while the length of the run is unknown.
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
    """Returns the mean angle by which a step turned the weights."""
    growth = tried / state.tried - 1.0 if state.tried else 0.0
    return math.sqrt(max(growth, 0.0) / clock.interval)


def _effort(steps):
    """Returns the strength of the trial, from 0 to 1, for a number of steps."""
    none, all_ = TRIAL_STEPS
    return min(max(((steps or 0) - none) / (all_ - none), 0.0), 1.0)
