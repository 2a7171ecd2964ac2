import dataclasses

import numpy as np
import pytest

from keras_slr.layerwise.solvers.wanda import Wanda
from keras_slr.layerwise.solvers.wanda import largest_per_column
from keras_slr.structures import NM
from tests.layerwise.solvers.random_problems import random_problem

pytestmark = pytest.mark.once("NumPy alone")


def by_hand(weights, kept, structure=None):
    """Inputs of norms 1, 2, 3 and 10; the last two are correlated."""
    gram = np.diag([1.0, 4.0, 9.0, 100.0])
    gram[2, 3] = gram[3, 2] = 5.0
    problem = random_problem(4, 2, kept, structure=structure)
    return dataclasses.replace(
        problem, gram=gram[None], weights=np.array([weights])
    )


WEIGHTS = [[7.0, 50.0], [-3.0, -40.0], [1.0, 30.0], [0.5, 20.0]]


def test_columns_keep_the_largest_weights_times_norms():
    # Scores 7, 6, 3, 5 and 50, 80, 90, 200.
    w = Wanda().solve(by_hand(WEIGHTS, 4))
    expected = [[7.0, 0.0], [-3.0, 0.0], [0.0, 30.0], [0.0, 20.0]]
    np.testing.assert_array_equal(w, [expected])


def test_the_remainder_goes_to_the_largest_next_score():
    # The next scores are 5 and 80.
    w = Wanda().solve(by_hand(WEIGHTS, 5))
    expected = [[7.0, 0.0], [-3.0, -40.0], [0.0, 30.0], [0.0, 20.0]]
    np.testing.assert_array_equal(w, [expected])


def test_other_structures_choose_by_the_scores():
    w = Wanda().solve(by_hand(WEIGHTS, 4, NM(1, 2)))
    expected = [[7.0, 0.0], [0.0, -40.0], [0.0, 0.0], [0.5, 20.0]]
    np.testing.assert_array_equal(w, [expected])


@pytest.mark.parametrize("count", [0, 1, 5, 6, 7, 23, 24])
def test_counts_are_exact_and_even_with_ties(count):
    mask = largest_per_column(np.ones((2, 4, 3)), count)
    assert np.count_nonzero(mask) == count
    assert np.ptp(mask.sum(axis=1)) <= 1
    # The first of equal scores.
    assert np.all(np.diff(mask.astype(int), axis=1) <= 0)
