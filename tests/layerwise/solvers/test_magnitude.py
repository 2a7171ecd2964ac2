import numpy as np
import pytest

from keras_slr.layerwise.solvers.magnitude import Magnitude
from tests.layerwise.solvers.random_problems import random_problem
from tests.layerwise.solvers.random_problems import refit

pytestmark = pytest.mark.once("NumPy alone")


def test_largest_trained_weights_keep_their_values():
    problem = random_problem(8, 3, 10)
    w = Magnitude().solve(problem)
    order = np.argsort(-np.abs(problem.weights), axis=None)
    expected = np.zeros(24)
    expected[order[:10]] = problem.weights.flat[order[:10]]
    np.testing.assert_array_equal(w.reshape(-1), expected)
    assert not Magnitude().uses_damping


def test_refit_moves_them_to_the_least_squares_solution():
    problem = random_problem(8, 3, 10)
    w = Magnitude(refit=True).solve(problem)
    mask = problem.nearest(problem.weights)
    for output in range(3):
        expected = refit(
            problem.gram[0], problem.target[0, :, output], mask[0, :, output]
        )
        np.testing.assert_allclose(w[0, :, output], expected, atol=1e-9)
    assert Magnitude(refit=True).uses_damping
