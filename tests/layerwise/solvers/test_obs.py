import dataclasses
import heapq
import itertools

import numpy as np
import pytest

from keras_slr.layerwise.solvers import obs
from keras_slr.layerwise.solvers.obs import ExactOBS
from keras_slr.layerwise.solvers.obs import merge
from keras_slr.structures import NM
from tests.layerwise.solvers.random_problems import column_error
from tests.layerwise.solvers.random_problems import random_problem
from tests.layerwise.solvers.random_problems import refit

pytestmark = pytest.mark.once("NumPy alone")


def greedy(gram, target):
    """The supports of a column, each by least squares for every candidate."""
    kept = np.ones(len(target), bool)
    yield kept.copy(), 0.0
    while kept.any():
        errors = {}
        for i in np.flatnonzero(kept):
            kept[i] = False
            errors[i] = column_error(gram, target, refit(gram, target, kept))
            kept[i] = True
        best = min(errors, key=errors.__getitem__)
        kept[best] = False
        yield kept.copy(), errors[best]


def reference(problem, pruned):
    """All columns, the next entry always where it costs least."""
    steps, place, heap = {}, {}, []
    for g, o in np.ndindex(len(problem.gram), problem.target.shape[2]):
        steps[g, o] = list(greedy(problem.gram[g], problem.target[g, :, o]))
        place[g, o] = 0
        heap.append((steps[g, o][1][1], (g, o)))
    heapq.heapify(heap)
    for _ in range(pruned):
        _, column = heapq.heappop(heap)
        place[column] += 1
        now = place[column]
        if now + 1 < len(steps[column]):
            rise = steps[column][now + 1][1] - steps[column][now][1]
            heapq.heappush(heap, (rise, column))
    w = np.zeros_like(problem.target)
    for (g, o), now in place.items():
        kept, _ = steps[g, o][now]
        w[g, :, o] = refit(problem.gram[g], problem.target[g, :, o], kept)
    return w


@pytest.mark.parametrize("kept", [0, 1, 13, 30, 41, 60])
def test_equals_the_greedy_choice_by_least_squares(kept):
    problem = random_problem(10, 3, kept, groups=2)
    w = ExactOBS().solve(problem)
    np.testing.assert_allclose(
        w, reference(problem, 60 - kept), rtol=1e-6, atol=1e-9
    )
    assert np.count_nonzero(w) == kept


def test_chunks_of_columns_change_nothing(monkeypatch):
    problem = random_problem(20, 7, 60)
    w = ExactOBS().solve(problem)
    monkeypatch.setattr(obs, "_CHUNK", 2 * 8 * 20**2)
    np.testing.assert_array_equal(ExactOBS().solve(problem), w)


def test_not_worse_than_any_support_with_independent_inputs():
    problem = random_problem(5, 2, 4)
    diagonal = np.diag([1.0, 2.0, 5.0, 0.5, 3.0])[None]
    problem = dataclasses.replace(problem, gram=diagonal)
    errors = []
    for support in itertools.combinations(range(10), 4):
        mask = np.zeros(10, bool)
        mask[list(support)] = True
        w = np.where(mask.reshape(1, 5, 2), problem.target, 0.0)
        errors.append(problem.error(w))
    w = ExactOBS().solve(problem)
    np.testing.assert_allclose(problem.error(w), min(errors))


def test_a_smaller_loss_follows_the_larger_one_before_it():
    losses = np.array([[[1.0, 5.0, 2.0], [3.0, 4.0, 6.0]]])
    numbers = [merge(losses, count).tolist() for count in range(7)]
    assert numbers == [
        [[0, 0]],
        [[1, 0]],
        [[1, 1]],
        [[1, 2]],
        [[2, 2]],
        [[3, 2]],
        [[3, 3]],
    ]


def test_refuses_large_layers():
    problem = random_problem(10, 3, 5)
    with pytest.raises(
        ValueError, match="Expected at most 9 inputs.*Received.*1 x 10 x 3"
    ):
        ExactOBS(most_inputs=9).solve(problem)


def test_refuses_other_structures():
    assert "unstructured sparsity only" in ExactOBS().refusal(NM())
