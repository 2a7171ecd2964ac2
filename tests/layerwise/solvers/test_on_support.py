import numpy as np
import pytest

from keras_slr.layerwise.solvers.on_support import optimum_on_support
from tests.layerwise.solvers.random_problems import random_problem
from tests.layerwise.solvers.random_problems import refit

pytestmark = pytest.mark.once("NumPy alone")


def test_equals_least_squares_and_has_no_gradient_on_the_support():
    problem = random_problem(9, 4, 0, groups=2)
    mask = np.random.default_rng(0).random((2, 9, 4)) < 0.5
    mask[0, :, 0], mask[1, :, 1] = False, True
    w = optimum_on_support(problem, mask)
    for g, o in np.ndindex(2, 4):
        expected = refit(
            problem.gram[g], problem.target[g, :, o], mask[g, :, o]
        )
        np.testing.assert_allclose(w[g, :, o], expected)
    assert not w[~mask].any()
    slope = problem.gram @ (w - problem.target)
    np.testing.assert_allclose(slope[mask], 0.0, atol=1e-12)
