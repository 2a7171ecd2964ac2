"""Solves the problem of one kernel, with damping chosen on held-out rows."""

import dataclasses
import time
from typing import Any

import numpy as np

from keras_slr.layerwise.moments import Moments
from keras_slr.layerwise.moments import SplitMoments
from keras_slr.layerwise.problem import LayerProblem
from keras_slr.layerwise.problem import Samples
from keras_slr.layerwise.products import Layout
from keras_slr.layerwise.solvers.solver import LayerSolver

# Shares of the mean of the diagonal of `X'X`. Published solvers use 0.01 and
# 0.1; which one is better depends on how many rows there are.
DAMPINGS = (0.01, 0.03, 0.1)


@dataclasses.dataclass(frozen=True)
class Nearest:
    """The projection onto a constraint, for kernels as matrices.

    Attributes:
        constraint: `Constraint` on a single weight.
        layout: `Layout` of its kernel.
        shape: Tuple of integers, the shape of the kernel.
    """

    constraint: Any
    layout: Layout
    shape: tuple

    def __call__(self, w):
        kernel = self.layout.from_matrices(w, self.shape)
        (mask,) = self.constraint.nearest([kernel])
        return self.layout.to_matrices(mask)


@dataclasses.dataclass(frozen=True)
class Task:
    """What is needed to prune one kernel, and nothing of the model.

    Attributes:
        solver: `LayerSolver`.
        nearest: `Nearest`.
        dense: Array `(groups, inputs, outputs)`, the dense kernel.
        moments: `SplitMoments`.
        dampings: Tuple of floats, of which the best one on the rows that are
            held out is chosen.
        samples: `Samples`, or `None`.
    """

    solver: LayerSolver
    nearest: Nearest
    dense: np.ndarray
    moments: SplitMoments
    dampings: tuple
    samples: Samples | None = None

    def problem(self, damping):
        """Returns the `LayerProblem` of the calibration rows."""
        gram, target = self.moments.fitted.damped(damping, self.dense)
        alive = ~self.moments.fitted.dead[:, :, None]
        return LayerProblem(
            gram,
            target,
            np.where(alive, self.dense, 0.0),
            self.nearest,
            self.nearest.constraint.structure,
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
    moments: SplitMoments = task.moments
    plain = np.where(task.nearest(task.dense), task.dense, 0.0)
    best = None
    for damping in task.dampings:
        w = task.solver.solve(task.problem(damping))
        errors = Errors.of(moments, w, task.dense)
        # Without rows held out, the first damping.
        if best is None or errors.held_out < best[1].held_out:
            best = w, errors, damping
    w, errors, damping = best
    return Solution(
        w,
        Errors.of(moments, plain, task.dense),
        errors,
        damping,
        time.perf_counter() - start,
    )


def empty_moments(layout):
    """Returns `SplitMoments` without rows for a kernel of this layout."""
    groups, inputs, _ = layout.shape
    return SplitMoments(Moments(groups, inputs), Moments(groups, inputs))
