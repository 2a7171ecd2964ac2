import dataclasses
import functools
import itertools

import numpy as np
import pytest
from scipy.optimize import minimize

from keras_slr.layerwise.solvers import l0
from keras_slr.layerwise.solvers.l0 import L0Constrained
from keras_slr.structures import NM
from tests.layerwise.solvers.random_problems import column_error
from tests.layerwise.solvers.random_problems import random_problem
from tests.layerwise.solvers.random_problems import refit
from tests.layerwise.solvers.rows_problems import rows_problem
from tests.layerwise.solvers.rows_problems import sparse_kernel

pytestmark = pytest.mark.once("NumPy alone")


def dense_kernel(inputs, outputs, groups=1, seed=1):
    return np.random.default_rng(seed).normal(size=(groups, inputs, outputs))


def rectified_error(problem, w):
    samples = problem.samples
    change = np.maximum(problem_outputs(problem, w), 0) - np.maximum(
        samples.outputs, 0
    )
    return float(np.sum(change**2))


def problem_outputs(problem, w):
    return problem.samples.inputs @ w + problem.samples.bias[:, None, :]


def objective_b(problem, w):
    """Squares on Omega and squared hinges off it."""
    y, z = problem.samples.outputs, problem_outputs(problem, w)
    gap = np.where(y > 0, z - y, np.maximum(z, 0.0))
    return float(np.sum(gap**2))


def least_b(problem, output, kept):
    """The least squares and squared hinges of an output on a support."""
    samples = problem.samples
    x, y = samples.inputs[0][:, kept], samples.outputs[0, :, output]
    bias = samples.bias[0, output]

    def objective(part):
        z = x @ part + bias
        return np.sum(np.where(y > 0, z - y, np.maximum(z, 0.0)) ** 2)

    start = np.zeros(len(kept))
    return minimize(objective, start).fun if kept else objective(start)


def by_brute_force(problem, count, error_of):
    """The least error over all supports of `count` entries."""
    inputs = problem.target.shape[1]
    return min(
        error_of(list(kept))
        for kept in itertools.combinations(range(inputs), count)
    )


def test_model_a_is_close_to_the_best_of_all_supports():
    """With inputs that are not correlated; others can mislead gradients."""
    ratios = []
    for seed in range(20):
        problem = rows_problem(
            dense_kernel(10, 1, seed=seed),
            4,
            rows=100,
            rectified=False,
            seed=seed,
        )
        gram, target = problem.gram[0], problem.target[0, :, 0]

        def error_of(kept, gram=gram, target=target):
            return column_error(gram, target, refit(gram, target, kept))

        best = by_brute_force(problem, 4, error_of)
        error = problem.error(L0Constrained().solve(problem))
        assert error >= best * (1 - 1e-9)
        ratios.append(error / best)
    assert np.median(ratios) < 1.0 + 1e-6
    assert np.mean(ratios) < 1.05


def test_model_a_ends_with_least_squares_on_its_support():
    problem = random_problem(10, 3, 12)
    w = L0Constrained().solve(problem)
    assert np.count_nonzero(w) == 12
    for output in range(3):
        kept = np.flatnonzero(w[0, :, output])
        expected = refit(problem.gram[0], problem.target[0, :, output], kept)
        np.testing.assert_allclose(w[0, :, output], expected, atol=1e-5)


def test_more_steps_reduce_the_error():
    problem = random_problem(12, 6, 20, groups=2)
    few, many = (
        problem.error(L0Constrained(iterations=n).solve(problem))
        for n in (1, 100)
    )
    assert many < 0.95 * few


def test_other_sets_are_kept():
    problem = random_problem(8, 5, None, structure=NM(2, 4))
    w = L0Constrained().solve(problem)
    kept = np.count_nonzero(w.reshape(1, 2, 4, 5), axis=2)
    assert (kept == 2).all()


@pytest.mark.parametrize("seed", range(3))
def test_model_b_is_close_to_the_best_of_all_supports(seed):
    bias = np.array([[0.2]])
    problem = rows_problem(
        dense_kernel(7, 1, seed=seed), 3, rows=40, bias=bias, seed=seed
    )
    best = by_brute_force(problem, 3, functools.partial(least_b, problem, 0))
    error = objective_b(problem, L0Constrained().solve(problem))
    assert best * (1 - 1e-6) <= error <= best * 1.02


@pytest.mark.parametrize(
    "inputs, outputs, kept, rows, seed",
    [
        # Without the rows that the rounds add, other entries stay.
        (6, 4, 10, 40, 11),
        # So they do if these rows count, too, where they are not violated.
        (5, 3, 6, 30, 41),
    ],
)
def test_hinges_decide_which_entries_stay(inputs, outputs, kept, rows, seed):
    bias = 0.3 * np.random.default_rng(seed).normal(size=(1, outputs))
    w = dense_kernel(inputs, outputs, seed=seed)
    problem = rows_problem(w, kept, rows=rows, bias=bias, seed=seed)
    least = [
        [
            by_brute_force(
                problem, count, functools.partial(least_b, problem, output)
            )
            for count in range(inputs + 1)
        ]
        for output in range(outputs)
    ]
    best = min(
        sum(errors[count] for errors, count in zip(least, counts))
        for counts in itertools.product(range(inputs + 1), repeat=outputs)
        if sum(counts) == kept
    )
    error = objective_b(problem, L0Constrained().solve(problem))
    assert error == pytest.approx(best, rel=1e-4)


def test_model_b_is_optimal_on_its_support():
    """Its gradient is zero, with the hinges of every row."""
    bias = 0.3 * np.random.default_rng(2).normal(size=(2, 5))
    problem = rows_problem(dense_kernel(12, 5, groups=2), 40, bias=bias)
    w = L0Constrained().solve(problem)
    y, z = problem.samples.outputs, problem_outputs(problem, w)
    gap = np.where(y > 0, z - y, np.maximum(z, 0.0))
    assert (gap[y <= 0] > 0.01).any()
    gradient = problem.samples.inputs.swapaxes(1, 2) @ gap
    np.testing.assert_allclose(gradient[w != 0], 0.0, atol=1e-5)


def test_model_b_gives_a_relu_less_error_than_model_a():
    problem = rows_problem(dense_kernel(20, 10), 60, damping=0.01)
    solver = L0Constrained()
    of_a = rectified_error(problem, l0.solve_a(solver, problem))
    of_b = rectified_error(problem, solver.solve(problem))
    assert of_b < 0.96 * of_a


def test_nothing_is_violated_where_few_entries_explain_the_outputs():
    sparse = sparse_kernel(20, 4, 3)
    problem = rows_problem(sparse, 12, rows=80)
    # Another kernel that a ReLU cannot tell from the sparse one.
    start = sparse + 0.1 * dense_kernel(20, 4)
    problem = dataclasses.replace(problem, target=start, weights=start)
    w = L0Constrained().solve(problem)
    off = problem.samples.outputs <= 0
    assert problem_outputs(problem, w)[off].max() < 1e-5
    np.testing.assert_allclose(w, sparse, atol=1e-5)


def test_rounds_add_the_most_violated_rows_of_each_output():
    violation = np.array([[[0.1, 0.0], [0.4, 0.2], [0.3, 0.0], [0.2, -1.0]]])
    marked = l0.most_violated(violation, 1e-6, np.array([[[2, 0]]]))
    expected = [[False, False], [True, True], [True, False], [False, False]]
    np.testing.assert_array_equal(marked, [expected])


def test_inputs_without_data_and_few_rows_are_solved():
    problem = rows_problem(dense_kernel(12, 5), 30, rows=5, damping=0.1)
    problem.samples.inputs[:, :, 3] = 0.0
    gram = problem.gram.copy()
    gram[:, 3, :] = gram[:, :, 3] = 0.0
    gram[:, 3, 3] = 1.0
    target = problem.target.copy()
    target[:, 3] = 0.0
    problem = dataclasses.replace(problem, gram=gram, target=target)
    w = L0Constrained().solve(problem)
    assert np.isfinite(w).all() and not w[:, 3].any()


def test_same_problem_same_kernel():
    problem = rows_problem(dense_kernel(12, 5), 20)
    first = L0Constrained().solve(problem)
    np.testing.assert_array_equal(first, L0Constrained().solve(problem))


@pytest.mark.parametrize("argument", [dict(iterations=0), dict(tolerance=0.0)])
def test_numbers_out_of_range_are_refused(argument):
    (name,) = argument
    with pytest.raises(ValueError, match=f"Received: {name}="):
        L0Constrained(**argument)
