"""ADMM for the problem of one layer, as in ALPS."""

import dataclasses

import numpy as np

from keras_slr.layerwise.solvers.least_squares import least_squares
from keras_slr.layerwise.solvers.scaled import Scaled
from keras_slr.layerwise.solvers.solver import LayerSolver
from keras_slr.layerwise.solvers.solver import register_layer_solver
from keras_slr.record import PACKAGE

# The rules for rho look at the support every so many iterations.
INTERVAL = 3
# No run ends before this iteration.
EARLIEST = 30
# Below this share of changed entries a run ends.
SETTLED = 0.0003


@register_layer_solver("admm", PACKAGE)
@dataclasses.dataclass(frozen=True)
class LayerADMM(LayerSolver):
    """ADMM whose penalty weight follows the mask. It suits any structure.

    This is ALPS (Meng et al., NeurIPS 2024, arXiv 2406.07831, section 3 and
    algorithm 1), on inputs scaled to mean square one. Every third iteration,
    rho grows by 30, 20 or 10 % if more than 10 %, more than 0.5 % or any of
    the mask has changed since the last time. If nothing changes before rho
    has grown once, rho was too large: ADMM starts anew with a fifth of it.
    The run ends when less than 0.03 % of the mask changes.

    ALPS ends with ten steps of conjugate gradients on the entries that stay.
    Here they get their least-squares values, as in the other solvers.

    Args:
        rho: Float, the first penalty weight. Defaults to `0.1`.
        iterations: Integer, at least 1, the largest number of iterations.
            Defaults to `300`.

    Raises:
        ValueError: If a number is outside its range.
    """

    fits_support = True

    rho: float = 0.1
    iterations: int = 300

    def __post_init__(self):
        super().__post_init__()
        if self.rho <= 0:
            raise ValueError(
                "Expected a positive `rho` of LayerADMM. Received: "
                f"rho={self.rho}."
            )
        if self.iterations < 1:
            raise ValueError(
                "Expected `iterations` of LayerADMM to be at least 1. "
                f"Received: iterations={self.iterations}."
            )

    def solve(self, problem):
        scaled = Scaled.of(problem)
        mask, d = run(self, scaled)
        return least_squares(
            problem.gram, problem.target, mask, start=d / scaled.size
        )


def run(solver, scaled):
    """Runs ADMM to its end.

    Args:
        solver: `LayerADMM`.
        scaled: `Scaled`, the problem.

    Returns:
        Tuple of the support and the sparse array `D`.
    """
    rho = solver.rho
    d, v = scaled.target, np.zeros_like(scaled.target)
    mask, seen, grown = np.ones(d.shape, bool), None, False
    for iteration in range(1, solver.iterations + 1):
        w, _ = scaled.minimize(rho, rho * (d - scaled.target) - v)
        lifted = w + v / rho
        mask = scaled.nearest(lifted)
        d = np.where(mask, lifted, 0.0)
        v = v + rho * (w - d)
        if seen is None:
            seen = mask
        if iteration % INTERVAL:
            continue
        kept = max(np.count_nonzero(seen), 1)
        changed = np.count_nonzero(mask != seen) / kept
        seen = mask
        if iteration > EARLIEST and changed < SETTLED:
            break
        if changed == 0 and not grown:
            rho /= 5.0
            d, v, seen = scaled.target, np.zeros_like(v), None
        grown = grown or changed > 0
        rho *= growth(changed)
    return mask, d


def growth(changed):
    """Returns the factor by which rho grows.

    Args:
        changed: Float, the share of the support that changed.
    """
    if changed > 0.1:
        return 1.3
    if changed > 0.005:
        return 1.2
    return 1.1 if changed > 0 else 1.0
