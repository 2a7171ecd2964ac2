import numpy as np
import pytest

from keras_slr.layerwise.solvers import least_squares as module
from keras_slr.layerwise.solvers.least_squares import least_squares
from tests.layerwise.solvers.random_problems import random_problem
from tests.layerwise.solvers.random_problems import refit

pytestmark = pytest.mark.once("NumPy alone")


def masks(kind, shape, rng):
    groups, inputs, outputs = shape
    if kind == "entries":
        return rng.random(shape) < 0.5
    if kind == "rows":
        return np.repeat(rng.random((groups, inputs, 1)) < 0.5, outputs, 2)
    if kind == "columns":
        return np.repeat(rng.random((groups, 1, outputs)) < 0.5, inputs, 1)
    return np.full(shape, kind == "all")


@pytest.mark.parametrize("kind", ["entries", "rows", "columns", "all", "none"])
@pytest.mark.parametrize("tolerance", [0.0, 1e-6])
def test_agrees_with_a_solution_column_by_column(kind, tolerance):
    problem = random_problem(12, 5, 0, groups=3)
    mask = masks(kind, problem.target.shape, np.random.default_rng(1))
    w = least_squares(problem.gram, problem.target, mask, tolerance=tolerance)
    for group in range(3):
        for output in range(5):
            target = problem.target[group, :, output]
            kept = mask[group, :, output]
            expected = refit(problem.gram[group], target, kept)
            np.testing.assert_allclose(
                w[group, :, output], expected, rtol=1e-4, atol=1e-5
            )


def test_gradient_vanishes_on_the_support():
    problem = random_problem(200, 30, 0, rows=150)
    mask = masks("entries", problem.target.shape, np.random.default_rng(0))
    w = least_squares(problem.gram, problem.target, mask, tolerance=0.0)
    gradient = problem.gram @ (w - problem.target)
    assert np.all(w[~mask] == 0)
    assert np.abs(gradient[mask]).max() < 1e-9
    assert np.abs(gradient[~mask]).max() > 0.1


def test_conjugate_gradients_converge_from_any_start(monkeypatch):
    problem = random_problem(60, 20, 0)
    mask = masks("entries", problem.target.shape, np.random.default_rng(0))
    expected = least_squares(problem.gram, problem.target, mask, tolerance=0)
    # No column is left for factorizations.
    monkeypatch.setattr(module, "direct_operations", lambda mask: 10**9)
    monkeypatch.setattr(module, "solve_directly", lambda *args: None)
    for start in (None, expected, 1e3 * problem.target):
        w = least_squares(problem.gram, problem.target, mask, start, 1e-6)
        np.testing.assert_allclose(w, expected, atol=1e-4)


def test_columns_that_do_not_converge_are_solved_directly():
    # Ill-conditioned, so that the few steps that are cheaper do not suffice.
    problem = random_problem(150, 4, 0, rows=30)
    mask = masks("entries", problem.target.shape, np.random.default_rng(0))
    w = least_squares(problem.gram, problem.target, mask)
    exact = least_squares(problem.gram, problem.target, mask, tolerance=0.0)
    np.testing.assert_allclose(w, exact, atol=1e-9)


def test_equal_supports_are_factorized_once(monkeypatch):
    problem = random_problem(16, 8, 0, groups=2)
    mask = masks("rows", problem.target.shape, np.random.default_rng(0))
    shapes = []
    solve = np.linalg.solve

    def counted(a, b):
        shapes.append(a.shape[0])
        return solve(a, b)

    monkeypatch.setattr(np.linalg, "solve", counted)
    least_squares(problem.gram, problem.target, mask, tolerance=0.0)
    assert sum(shapes) == 2
