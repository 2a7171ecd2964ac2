"""Solves the problem of one kernel, with damping chosen on held-out rows."""

import dataclasses
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from keras_slr.layerwise.moments import SplitMoments
from keras_slr.layerwise.problem import LayerProblem
from keras_slr.layerwise.problem import Samples
from keras_slr.layerwise.solvers.least_squares import least_squares
from keras_slr.layerwise.solvers.solver import LayerSolver

# Published solvers take a share of 0.01 to 0.1 of the mean squared input. Less
# is better where inputs are nearly constant.
DAMPINGS = (1e-2, 1e-1, 1e-3, 1e-4, 1e-5)
FIRST = DAMPINGS[0]
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
        """Returns the `LayerProblem` of the calibration rows."""
        gram, target = self.moments.damped(damping, self.dense)
        alive = ~self.moments.fitted.dead[:, :, None]
        return LayerProblem(
            gram,
            target,
            np.where(alive, self.dense, 0.0),
            self.nearest,
            self.structure,
            self.samples,
        )


@dataclasses.dataclass(frozen=True)
class Errors:
    """Relative squared errors of a layer's outputs.

    Attributes:
        calibration: Float, on the rows that were calibrated on.
        held_out: Float, on the others, or `nan` without any.
    """

    calibration: float
    held_out: float

    @classmethod
    def of(cls, moments, w, dense):
        """Returns the errors of a kernel `w`."""
        held_out = moments.held_out
        return cls(
            moments.fitted.relative_error(w, dense),
            held_out.relative_error(w, dense) if held_out.rows else np.nan,
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
        damping = _damping(task) if moments.held_out.rows else FIRST
    w = task.solver.solve(task.problem(damping))
    return Solution(
        w,
        Errors.of(moments, plain, task.dense),
        Errors.of(moments, w, task.dense),
        damping,
        time.perf_counter() - start,
    )


def _damping(task):
    """Returns the damping with the least error on the rows held out.

    It tries least squares on the largest entries, each measured by its mean
    share of the output: that takes a fraction of the solver's time.
    """

    some = slice(None, None, max(task.dense.shape[2] // COLUMNS, 1))
    dense = task.dense[:, :, some]
    held_out = task.moments.held_out.of_outputs(some)

    def error(damping):
        problem = task.problem(damping)
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
