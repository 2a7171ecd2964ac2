"""The trial of all weights before SLR chooses: nothing is free.

With `Z = 0` and `Lam = 0` each proximal step takes the same share of every
weight, and training gives back what the loss needs.
"""

import dataclasses
import math

# The trial leaves this power of the share of entries to be kept of a weight
# that training does not hold up: a half where 90 % are pruned, 0.62 where 80 %.
TRIAL_POWER = 0.3
# Runs of fewer steps cannot make up for what that loses, and try less.
TRIAL_STEPS = 1000
# While the length of a run is not known nothing is pulled: too little for a
# float32 weight to change.
LEAST_RHO = 1e-12


def try_all(solver, state, tensors, loss, clock):
    """Frees nothing until the next dual update: `Z = 0`, `Lam = 0`.

    Args:
        solver: `SLR`.
        state: `SLRState`.
        tensors: See `dual_update`.
        loss: See `dual_update`.
        clock: `training.clock.Clock`.

    Returns:
        `SLRState`, with rho set for the steps to come.
    """
    power = TRIAL_POWER * min((clock.total or 0) / TRIAL_STEPS, 1.0)
    share = clock.learning / solver.trial / clock.interval
    left = (1.0 - tensors.rate) ** (power * share)
    # Rho tells bound entries from free ones: it is never zero, also while the
    # length of the run is not known.
    rho = max(1.0 - left, LEAST_RHO)
    tensors.keep_none()
    tensors.ascend(rho, 0.0, 0.0, rho)
    square = tensors.square()
    return dataclasses.replace(
        state,
        rho=rho,
        s=solver.stepsize * rho,
        residual=math.sqrt(square),
        loss=loss,
        square=square,
    )
