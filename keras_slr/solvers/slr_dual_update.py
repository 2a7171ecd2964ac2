"""The dual update of SLR: two half-steps around a projection.

The multipliers take a step if a surrogate optimality condition holds, with a
stepsize that contracts (arXiv 2012.10079, eq. 11). `solvers.slr` states the
optimization problem.
"""

import dataclasses
import math

from keras_slr.solvers.slr_stepsize import half_step

# A projection that changes nothing does not change the Lagrangian. A relative
# gain below this is rounding of sums in single precision.
ROUNDING = 1e-6


@dataclasses.dataclass(frozen=True)
class SLRState:
    """The scalars of a run; checkpoints contain all of them.

    Attributes:
        rho: Penalty weight with which `W` trains at the moment.
        s: Stepsize of the multipliers.
        k: Number of the next half-step, from 1.
        residual: `||W - Z||` used by the last satisfied half-step.
        loss: Mean task loss of the window before the last update, `nan`
            before the first one.
        inner: `<Lam, W - Z>` at the end of the last update.
        square: `||W - Z||^2` at the end of the last update.
        updates: Number of dual updates done.
        condition_1: Whether the first condition held in the last update.
        condition_2: Whether the second condition did.
        settled: Whether `W = Z` holds exactly from now on.
        tried: `||W||^2` of the weights on trial that would be there now, had
            training not turned them since the last update; zero if there is
            no trial, or no longer.
    """

    rho: float
    s: float
    k: int = 1
    residual: float = 0.0
    loss: float = math.nan
    inner: float = 0.0
    square: float = 0.0
    updates: int = 0
    condition_1: bool = True
    condition_2: bool = True
    settled: bool = False
    tried: float = 0.0


def begin(solver, rho, square, square_of_rule=None):
    """Returns the state in which `Z = Pi(W)` and `Lam = 0`.

    Args:
        solver: `SLR`.
        rho: Float, the first penalty weight.
        square: Float, `||W - Z||^2` over all pruned weights.
        square_of_rule: Float, the squared norm from which the stepsize rule
            starts. Defaults to `square`.
    """
    if square_of_rule is None:
        square_of_rule = square
    return SLRState(
        rho=rho,
        s=solver.stepsize * rho,
        residual=math.sqrt(square_of_rule),
        square=square,
    )


def penalty(inner, square, rho):
    """Value of the two penalty terms of the Lagrangian."""
    return inner + 0.5 * rho * square


def dual_update(solver, state, tensors, loss, way, interval=1):
    """Moves `Z` and `Lam`, and updates the stepsize and rho.

    Both conditions compare the Lagrangian before and after: the first at the
    new and the previous `W`, the second at the new and the previous `Z`. For
    the task loss `f`, the first condition compares the mean over the training
    steps since the last update with the mean over the window before it. These
    are the losses that training reports, without the penalty; no further
    forward pass is needed. If a loss is unknown, the penalty terms decide.

    Args:
        solver: `SLR`.
        state: `SLRState` that the last update returned.
        tensors: `solvers.tensors.Tensors`, all pruned weights. They change at
            the very end.
        loss: Float, mean task loss since the last update, or `nan`.
        way: Float in `[0, 1]`, the fraction of the way to `freeze_at`.
        interval: Integer, training steps between dual updates. Defaults to
            `1`.

    Returns:
        `SLRState`, with rho set for the steps to come.
    """
    rho = state.rho
    inner, square = tensors.gap(rho)
    descent = penalty(inner, square, rho) - penalty(
        state.inner, state.square, rho
    )
    if not (math.isnan(loss) or math.isnan(state.loss)):
        descent += loss - state.loss
    condition_1 = state.updates == 0 or descent < 0.0
    s_1 = 0.0
    if condition_1:
        state = half_step(solver, state, square)
        s_1 = state.s

    freezes = solver.freezes(way)
    settles = freezes and solver.settles_in(tensors)
    if freezes and not settles:
        masks = tensors.keep_support()
    else:
        masks = tensors.keep_lifted(
            rho, s_1, solver.share(way), solver.power(tensors)
        )
    sums = tensors.sums(masks, rho, s_1, (inner, square))
    before = penalty(sums.inner_before, sums.square_before, rho)
    gain = before - penalty(sums.inner, sums.square, rho)
    condition_2 = gain > ROUNDING * (
        abs(sums.inner_before) + 0.5 * rho * sums.square_before
    )
    s_2 = 0.0
    if condition_2:
        state = half_step(solver, state, sums.square)
        s_2 = state.s

    if settles:
        tensors.hold(masks)
        return dataclasses.replace(
            state,
            rho=1.0,
            inner=0.0,
            square=0.0,
            loss=loss,
            updates=state.updates + 1,
            condition_1=condition_1,
            condition_2=condition_2,
            settled=True,
        )
    rho_next = solver.strength(way, interval, tensors)
    scale = solver.scale(rho, rho_next)
    tensors.ascend(masks, rho, rho_next, s_1, s_2, scale)
    if solver.free_support:
        inner, square = sums.inner_outside, sums.square_outside
    else:
        inner, square = sums.inner, sums.square
    return dataclasses.replace(
        state,
        rho=rho_next,
        loss=loss,
        inner=scale * (inner + s_2 * square),
        square=square,
        updates=state.updates + 1,
        condition_1=condition_1,
        condition_2=condition_2,
    )
