import itertools

import numpy as np
import pytest

from keras_slr.layerwise.solvers.obs import ExactOBS
from keras_slr.layerwise.solvers.slr import LayerSLR
from keras_slr.layerwise.solvers.sparse_gpt import SparseGPT
from keras_slr.layerwise.solvers.swaps import Swaps
from keras_slr.layerwise.solvers.swaps import exchange
from keras_slr.layerwise.solvers.swaps import gains
from keras_slr.layerwise.solvers.swaps import swapped
from keras_slr.layerwise.solvers.swaps import tableau
from keras_slr.layerwise.solvers.wanda import Wanda
from keras_slr.structures import NM
from keras_slr.structures import Filter
from tests.layerwise.solvers.random_problems import column_error
from tests.layerwise.solvers.random_problems import random_problem
from tests.layerwise.solvers.random_problems import refit

pytestmark = pytest.mark.once("NumPy alone")


@pytest.fixture
def column():
    problem = random_problem(9, 1, 0)
    mask = np.array([1, 0, 1, 1, 0, 0, 1, 0, 0], bool)
    return problem.gram[0], problem.target[0, :, 0], mask


def best_error(gram, target, mask):
    return column_error(gram, target, refit(gram, target, mask))


def exchanged(mask, p, q):
    other = mask.copy()
    other[p], other[q] = False, True
    return other


def swaps_of(mask, width):
    """All swaps of a kept and a pruned entry in the same group of inputs."""
    for p, q in itertools.product(range(mask.size), repeat=2):
        if mask[p] and not mask[q] and p // width == q // width:
            yield p, q


def test_gains_are_those_of_least_squares(column):
    gram, target, mask = column
    kept, pruned = np.flatnonzero(mask), np.flatnonzero(~mask)
    before = best_error(gram, target, mask)
    expected = [
        [
            before - best_error(gram, target, exchanged(mask, p, q))
            for q in pruned
        ]
        for p in kept
    ]
    actual = gains(tableau(gram, target, mask), kept, pruned)
    np.testing.assert_allclose(actual, expected)


def test_exchanges_lead_to_the_tableau_of_the_other_mask(column):
    gram, target, mask = column
    m = tableau(gram, target, mask)
    exchange(m, 2, -1.0)
    exchange(m, 5, 1.0)
    expected = tableau(gram, target, exchanged(mask, 2, 5))
    np.testing.assert_allclose(m, expected, atol=1e-12)


def test_tableau_has_the_weights_and_the_error(column):
    gram, target, mask = column
    m = tableau(gram, target, mask)
    w = refit(gram, target, mask)
    np.testing.assert_allclose(m[:-1, -1][mask], w[mask])
    residual = gram @ (target - w)
    np.testing.assert_allclose(m[:-1, -1][~mask], residual[~mask])
    np.testing.assert_allclose(m[-1, -1], column_error(gram, target, w))


@pytest.mark.parametrize(
    ("structure", "width"), [(None, 12), (NM(2, 4), 4), (NM(1, 3), 3)]
)
def test_follows_the_best_swap_until_none_helps(structure, width):
    problem = random_problem(12, 4, 48, groups=2, structure=structure)
    start = np.random.default_rng(0).normal(size=problem.target.shape)
    mask = problem.nearest(start)
    mask[0, :, 0] &= structure is not None  # An empty column...
    mask[0, :, 1] |= structure is None  # and a full one.
    expected = mask.copy()
    moved = 0
    for g, o in np.ndindex(2, 4):
        gram, target = problem.gram[g], problem.target[g, :, o]
        now = expected[g, :, o]
        while True:
            others = [exchanged(now, *swap) for swap in swaps_of(now, width)]
            errors = [best_error(gram, target, other) for other in others]
            if min(errors, default=np.inf) >= best_error(gram, target, now):
                break
            now[:] = others[np.argmin(errors)]
            moved += 1
    assert moved > 8
    before = mask.copy()
    np.testing.assert_array_equal(swapped(problem, mask), expected)
    np.testing.assert_array_equal(mask, before)


def test_often_finds_the_best_support():
    problem = random_problem(10, 8, 40)
    mask = np.zeros((1, 10, 8), bool)
    mask[:, :5] = True
    mask = swapped(problem, mask)
    found = 0
    for o in range(8):
        gram, target = problem.gram[0], problem.target[0, :, o]
        least = min(
            best_error(gram, target, np.isin(np.arange(10), support))
            for support in itertools.combinations(range(10), 5)
        )
        error = best_error(gram, target, mask[0, :, o])
        found += error < least * (1 + 1e-9)
    assert found >= 5


@pytest.mark.parametrize("structure", [None, NM(2, 4)])
@pytest.mark.parametrize(
    ("name", "start"), [("wanda", Wanda()), ("sparsegpt", SparseGPT())]
)
def test_solver_improves_on_its_start(structure, name, start):
    problem = random_problem(32, 8, 128, structure=structure)
    w = Swaps(solver=name).solve(problem)
    assert np.count_nonzero(w) == 128
    np.testing.assert_array_equal(problem.nearest(w), w != 0)
    assert problem.error(w) < 0.8 * problem.error(start.solve(problem))


def test_slr_is_the_start_by_default():
    problem = random_problem(64, 16, 256)
    w = Swaps().solve(problem)
    assert problem.error(w) < problem.error(LayerSLR().solve(problem))


def test_refuses_what_it_or_its_start_cannot_prune():
    assert "Swaps exchanges" in Swaps(solver="wanda").refusal(Filter())
    assert Swaps().refusal(NM()) is None
    assert Swaps(solver="obs").refusal(NM()) == ExactOBS().refusal(NM())


@pytest.mark.parametrize("name", ["swaps", "other"])
def test_the_start_must_be_known(name):
    with pytest.raises(
        ValueError, match=f"Expected `solver`.*wanda.*Received: solver='{name}'"
    ):
        Swaps(solver=name)
