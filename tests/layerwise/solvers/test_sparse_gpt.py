import dataclasses

import numpy as np
import pytest

from keras_slr.layerwise.solvers.sparse_gpt import SparseGPT
from keras_slr.layerwise.solvers.sparse_gpt import upper_factor
from keras_slr.structures import NM
from keras_slr.structures import Filter
from tests.layerwise.solvers.random_problems import random_problem

pytestmark = pytest.mark.once("NumPy alone")


def reference(problem, n, width, quotas):
    """Inputs in order, with the inverse of what is left of G every time.

    A pruned entry is a constraint `w_i = 0` on the least-squares problem in
    the inputs from `i` on, with those before it fixed.
    """
    w = problem.target.copy()
    groups, inputs, outputs = w.shape
    inverses = [
        [np.linalg.inv(gram[i:, i:]) for i in range(inputs)]
        for gram in problem.gram
    ]
    for start, quota in zip(range(0, inputs, width), quotas):
        rows = range(start, min(start + width, inputs))
        cost = {
            (g, i, o): w[g, i, o] ** 2 / inverses[g][i][0, 0]
            for g in range(groups)
            for i in rows
            for o in range(outputs)
        }
        kept = set()
        for g in range(groups):
            for o in range(outputs):
                column = sorted(rows, key=lambda i: -cost[g, i, o])
                kept |= {(g, i, o) for i in column[:n]}
        rest = sorted(set(cost) - kept, key=lambda entry: -cost[entry])
        kept |= set(rest[:quota])
        for i in rows:
            for g in range(groups):
                for o in range(outputs):
                    if (g, i, o) not in kept:
                        first = inverses[g][i][:, 0]
                        w[g, i:, o] -= w[g, i, o] / first[0] * first
                        w[g, i, o] = 0.0
    return w


# Shares of 50 kept entries in 14 inputs.
@pytest.mark.parametrize(
    ("block", "quotas"),
    [(4, [14, 14, 14, 8]), (5, [17, 18, 15]), (14, [50]), (500, [50])],
)
def test_equals_the_updates_with_explicit_inverses(block, quotas):
    problem = random_problem(14, 3, 50, groups=2)
    w = SparseGPT(block=block).solve(problem)
    np.testing.assert_allclose(w, reference(problem, 0, block, quotas))
    assert np.count_nonzero(w) == 50


@pytest.mark.parametrize("block", [1, 4, 6, 128])
def test_n_of_m_chooses_anew_in_every_group(block):
    problem = random_problem(12, 3, 0, groups=2, structure=NM(2, 4))
    w = SparseGPT(block=block).solve(problem)
    expected = reference(problem, 2, 4, [0, 0, 0])
    np.testing.assert_allclose(w, expected)
    assert np.all((w != 0).reshape(2, 3, 4, 3).sum(axis=2) == 2)


def test_n_of_m_shares_out_what_the_set_allows_besides():
    problem = random_problem(12, 3, 0, structure=NM(1, 4))
    more = problem.nearest(problem.target)
    more[0, :, 0] = True
    problem = dataclasses.replace(problem, nearest=lambda w: more)
    w = SparseGPT().solve(problem)
    np.testing.assert_allclose(w, reference(problem, 1, 4, [3, 3, 3]))
    assert np.count_nonzero(w) == 9 + 9


@pytest.mark.parametrize("kept", [0, 1, 17, 50, 84])
@pytest.mark.parametrize("block", [3, 128])
def test_the_count_is_exact_with_ties(block, kept):
    problem = random_problem(14, 3, kept, groups=2)
    # Uncorrelated inputs: the errors change no other weight.
    problem = dataclasses.replace(
        problem,
        gram=np.stack([np.eye(14)] * 2),
        target=np.ones((2, 14, 3)),
    )
    w = SparseGPT(block=block).solve(problem)
    assert np.count_nonzero(w) == kept


def test_the_target_is_where_it_starts():
    problem = random_problem(14, 3, 42)
    w = SparseGPT().solve(problem)
    np.testing.assert_array_equal(w, problem.target)


def test_factor():
    gram = random_problem(9, 1, 1, groups=3).gram
    u = upper_factor(gram)
    np.testing.assert_array_equal(u, np.triu(u))
    product = u.swapaxes(1, 2) @ u
    np.testing.assert_allclose(product, np.linalg.inv(gram))


def test_refuses_other_structures():
    assert "N:M sparsity only" in SparseGPT().refusal(Filter())
    assert SparseGPT().refusal(NM()) is None


def test_block_must_be_positive():
    with pytest.raises(ValueError, match="Expected `block`.*Received: block=0"):
        SparseGPT(block=0)
