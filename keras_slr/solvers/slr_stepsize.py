"""The stepsize rule of SLR's multipliers (arXiv 2012.10079, eq. 11)."""

import dataclasses
import math


def alpha(k, M, r):
    """Contraction of the stepsize at half-step `k` (2012.10079, eq. 11)."""
    return 1.0 - 1.0 / (M * k ** (1.0 - 1.0 / k**r))


def half_step(solver, state, square):
    """Returns the state after a satisfied half-step with `||W - Z||^2`.

    The stepsize follows `s <- alpha_k s r_prev / ||W - Z||`, where `r_prev` is
    the norm by which the last satisfied half-step divided, so that the
    products telescope. If a norm is zero, the ratio is one.
    """
    residual = math.sqrt(square)
    if residual == 0.0:
        return state
    ratio = state.residual / residual if state.residual > 0.0 else 1.0
    s = alpha(state.k, solver.M, solver.r) * state.s * ratio
    if solver.stepsize_bound is not None:
        s = min(s, solver.stepsize_bound * state.rho)
    return dataclasses.replace(state, s=s, k=state.k + 1, residual=residual)
