"""`solve`: which rows a kernel is fitted to."""

import dataclasses

import numpy as np
import pytest

from keras_slr.layerwise.job import Fixed
from keras_slr.layerwise.moments import SplitMoments
from keras_slr.layerwise.solve import Task
from keras_slr.layerwise.solve import solve
from keras_slr.layerwise.solvers import LayerSolver
from keras_slr.layerwise.solvers.least_squares import least_squares

pytestmark = pytest.mark.once("NumPy alone")

DAMPING = 0.1
RNG = np.random.default_rng(0)
X, E = RNG.normal(size=(1, 40, 6)), RNG.normal(size=(1, 40, 3))
# What is lacking follows the inputs, so that a share of it can be made up for.
E = 0.1 * E + X @ RNG.normal(size=(1, 6, 3))
DENSE = RNG.normal(size=(1, 6, 3))
MASK = RNG.random((1, 6, 3)) < 0.5
HELD_OUT = np.arange(40) % 5 == 4


@dataclasses.dataclass(frozen=True)
class Refit(LayerSolver):
    """Least squares on the given support."""

    def solve(self, problem):
        mask = problem.nearest(problem.target)
        return least_squares(problem.gram, problem.target, mask, tolerance=0.0)


class FitsSupport(Refit):
    fits_support = True


class NeedsSamples(Refit):
    needs_samples = True


def task(solver, held_out):
    moments = SplitMoments.of((1, 6, 3))
    moments.add(X, held_out, E)
    return Task(solver, Fixed(MASK), None, DENSE, moments, DAMPING)


def fitted(rows, share):
    """Returns the kernel by ordinary least squares, column by column."""
    x, e = X[0, rows], E[0, rows]
    strength = np.sqrt(DAMPING * np.sum(x**2) / 6)
    system = np.concatenate([x, strength * np.eye(6)])
    step, *_ = np.linalg.lstsq(
        system, np.concatenate([e, np.zeros((6, 3))]), rcond=None
    )
    wanted = system @ (DENSE[0] + share * step)
    w = np.zeros((6, 3))
    for j in range(3):
        support = MASK[0, :, j]
        w[support, j], *_ = np.linalg.lstsq(
            system[:, support], wanted[:, j], rcond=None
        )
    return w


@pytest.mark.parametrize("solver", [Refit(), FitsSupport()])
def test_the_last_fit_is_to_all_rows(solver):
    *_, share = task(solver, HELD_OUT).moments.damped(DAMPING, DENSE)
    assert 0.5 < share <= 1.0
    solution = solve(task(solver, HELD_OUT))
    everything = fitted(np.ones(40, bool), share)
    np.testing.assert_allclose(solution.w[0], everything, rtol=1e-3)
    # The error on rows held out is that of a kernel without them.
    w = fitted(~HELD_OUT, share)
    wanted = X[0] @ DENSE[0] + E[0]
    change = (X[0] @ w - wanted)[HELD_OUT]
    expected = np.sum(change**2) / np.sum(wanted[HELD_OUT] ** 2)
    np.testing.assert_allclose(solution.after.held_out, expected, rtol=1e-3)


def test_solvers_that_look_at_samples_keep_to_the_fitted_rows():
    *_, share = task(Refit(), HELD_OUT).moments.damped(DAMPING, DENSE)
    solution = solve(task(NeedsSamples(), HELD_OUT))
    np.testing.assert_allclose(solution.w[0], fitted(~HELD_OUT, share), 1e-3)


def test_without_rows_held_out_all_are_fitted_once():
    solution = solve(task(FitsSupport(), np.zeros(40, bool)))
    everything = fitted(np.ones(40, bool), 1.0)
    np.testing.assert_allclose(solution.w[0], everything, rtol=1e-3)
    assert np.isnan(solution.after.held_out)
