"""Solves the problem of one kernel, with damping chosen on held-out rows."""

import dataclasses
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from keras_slr.layerwise.moments import DAMPING
from keras_slr.layerwise.moments import SplitMoments
from keras_slr.layerwise.problem import LayerProblem
from keras_slr.layerwise.problem import Samples
from keras_slr.layerwise.solvers.least_squares import least_squares
from keras_slr.layerwise.solvers.solver import LayerSolver

# Published solvers take a share of 0.01 to 0.1 of the mean squared input. Less
# is better where inputs are nearly constant.
DAMPINGS = (DAMPING, 1e-1, 1e-3, 1e-4, 1e-5)
BETWEEN = 10**0.5
# Outputs on which they are tried: enough to tell dampings apart.
COLUMNS = 64


@dataclasses.dataclass(frozen=True)
class Task:
    """What is needed to prune one kernel, and nothing of the model.

    Attributes:
        solver: `LayerSolver`.
        nearest: The projection onto the set of sparse kernels.
        structure: `Structure` of the set, or `None` for a given support.
        dense: Array `(groups, inputs, outputs)`, the dense kernel.
        moments: `SplitMoments`.
        damping: Float, or `None` to choose it on the rows that are held out.
        samples: `Samples`, or `None`.
    """

    solver: LayerSolver
    nearest: Callable[[np.ndarray], np.ndarray]
    structure: Any
    dense: np.ndarray
    moments: SplitMoments
    damping: float | None
    samples: Samples | None = None

    def problem(self, damping):
        """Returns the `LayerProblem` of the fitted rows, and the share."""
        *system, share = self.moments.damped(damping, self.dense)
        return self._problem(*system), share

    def whole_problem(self, damping, share):
        """Returns the `LayerProblem` of all rows."""
        system = self.moments.damped_whole(damping, self.dense, share)
        return self._problem(*system)

    def _problem(self, gram, target):
        return LayerProblem(
            gram,
            target,
            self.dense,
            self.nearest,
            self.structure,
            self.samples,
        )


@dataclasses.dataclass(frozen=True)
class Errors:
    """Relative squared errors of a layer's outputs.

    Attributes:
        calibration: Float, on all samples.
        held_out: Float, on every fifth sample, for a kernel that was fitted
            to the others only; `nan` with fewer than five samples.
    """

    calibration: float
    held_out: float

    @classmethod
    def of(cls, moments, dense, w, w_fitted):
        """Returns the errors of a kernel.

        Args:
            moments: `SplitMoments`.
            dense: Array `(groups, inputs, outputs)`, the dense kernel.
            w: Array like `dense`, the kernel.
            w_fitted: Array like `dense`, that for the fitted rows alone.
        """
        held_out = moments.held_out
        return cls(
            moments.whole().relative_error(w, dense),
            held_out.relative_error(w_fitted, dense)
            if held_out.rows
            else np.nan,
        )


@dataclasses.dataclass(frozen=True)
class Solution:
    """A pruned kernel.

    Attributes:
        w: Array like `Task.dense`.
        before: `Errors` of the dense kernel's largest entries or units.
        after: `Errors` of `w`.
        damping: Float, the one chosen.
        seconds: Float.
    """

    w: np.ndarray
    before: Errors
    after: Errors
    damping: float
    seconds: float


def solve(task):
    """Returns the `Solution` of a `Task`, a pure function."""
    start = time.perf_counter()
    moments = task.moments
    plain = np.where(task.nearest(task.dense), task.dense, 0.0)
    damping = task.damping
    if damping is None:
        damping = _damping(task) if moments.held_out.rows else DAMPING
    problem, share = task.problem(damping)
    w_fitted = w = task.solver.solve(problem)
    if moments.held_out.rows:
        w = _fitted_to_all(task, damping, share, w_fitted)
    # Nothing is known of these but their trained values.
    unseen = moments.whole().dead[:, :, None] & (w != 0.0)
    w = np.where(unseen, task.dense, w)
    return Solution(
        w,
        Errors.of(moments, task.dense, plain, plain),
        Errors.of(moments, task.dense, w, w_fitted),
        damping,
        time.perf_counter() - start,
    )


def _fitted_to_all(task, damping, share, w):
    """Returns the kernel for all rows, given that for the fitted ones."""
    if task.solver.needs_samples:
        return w
    problem = task.whole_problem(damping, share)
    if not task.solver.fits_support:
        return task.solver.solve(problem)
    return least_squares(problem.gram, problem.target, w != 0.0, start=w)


def _damping(task):
    """Returns the damping with the least error on the rows held out.

    It tries least squares on the largest entries, each measured by its mean
    share of the output: that takes a fraction of the solver's time.
    """

    some = slice(None, None, max(task.dense.shape[2] // COLUMNS, 1))
    dense = task.dense[:, :, some]
    held_out = task.moments.held_out.of_outputs(some)

    def error(damping):
        problem, _ = task.problem(damping)
        size = np.sqrt(np.diagonal(problem.gram, axis1=1, axis2=2))
        mask = task.nearest(size[:, :, None] * problem.target)
        w = least_squares(
            problem.gram, problem.target[:, :, some], mask[:, :, some]
        )
        return held_out.relative_error(w, dense)

    errors = {damping: error(damping) for damping in DAMPINGS}
    best = min(errors, key=errors.get)
    for damping in (best / BETWEEN, best * BETWEEN):
        errors[damping] = error(damping)
    return min(errors, key=errors.get)
