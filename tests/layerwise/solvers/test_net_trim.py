import dataclasses

import numpy as np
import pytest
from scipy.optimize import minimize

from keras_slr.layerwise.solvers.net_trim import NetTrim
from keras_slr.structures import NM
from keras_slr.structures import Filter
from keras_slr.structures import Unstructured
from tests.layerwise.solvers.rows_problems import rows_problem
from tests.layerwise.solvers.rows_problems import sparse_kernel

pytestmark = pytest.mark.once("NumPy alone")

# So close that what is left of the tolerance cannot be seen.
EXACT = dict(tolerance=1e-7, iterations=100_000)


def dense_kernel(inputs, outputs, groups=1, seed=1):
    return np.random.default_rng(seed).normal(size=(groups, inputs, outputs))


def fit_and_excess(problem, w, group=0):
    """Relative error on Omega, and the largest output off it."""
    samples = problem.samples
    y = samples.outputs[group]
    z = samples.inputs[group] @ w[group] + samples.bias[group]
    omega = y > 0 if samples.rectified else np.ones(y.shape, bool)
    fit = np.linalg.norm((z - y)[omega]) / np.linalg.norm(y[omega])
    return fit, np.max(z[~omega], initial=-np.inf)


def by_scipy(problem, epsilon):
    """The least `||W||_1`, with `W` as a difference of two positive parts.

    Off Omega, outputs may be as large as those of the target.
    """
    samples = problem.samples
    x, y, bias = samples.inputs[0], samples.outputs[0], samples.bias[0]
    most = np.maximum(x @ problem.target[0] + bias, 0.0)
    omega = y > 0 if samples.rectified else np.ones(y.shape, bool)
    size = epsilon * np.linalg.norm(y[omega])
    shape = problem.target.shape[1:]

    def output(parts):
        positive, negative = parts.reshape(2, *shape)
        return x @ (positive - negative) + bias

    start = problem.target[0]
    result = minimize(
        np.sum,
        np.concatenate([np.maximum(start, 0), np.maximum(-start, 0)]).ravel(),
        method="SLSQP",
        bounds=[(0, None)] * (2 * start.size),
        constraints=[
            {
                "type": "ineq",
                "fun": lambda p: size**2 - np.sum((output(p) - y)[omega] ** 2),
            },
            {"type": "ineq", "fun": lambda p: (most - output(p))[~omega]},
        ],
        options=dict(maxiter=1000, ftol=1e-12),
    )
    assert result.success
    return result.fun


@pytest.mark.parametrize("rectified", [True, False])
def test_norm_is_that_of_a_general_convex_solver(rectified):
    bias = np.array([[0.3, -0.2]])
    problem = rows_problem(
        dense_kernel(4, 2), 8, rows=10, bias=bias, rectified=rectified
    )
    w = NetTrim(0.2, **EXACT).solve(problem)
    expected = by_scipy(problem, 0.2)
    assert np.sum(np.abs(w)) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("rectified", [True, False])
@pytest.mark.parametrize("epsilon", [0.02, 0.1, 0.3])
def test_rows_are_within_epsilon(epsilon, rectified):
    bias = 0.1 * np.random.default_rng(2).normal(size=(2, 5))
    problem = rows_problem(
        dense_kernel(12, 5, groups=2), 120, bias=bias, rectified=rectified
    )
    w = NetTrim(epsilon, **EXACT).solve(problem)
    for group in range(2):
        fit, excess = fit_and_excess(problem, w, group)
        # The constraint binds: a larger error would allow fewer entries.
        assert fit == pytest.approx(epsilon, rel=1e-3)
        assert excess < 1e-4


def test_default_tolerance_keeps_the_error_near_epsilon():
    problem = rows_problem(dense_kernel(12, 5), 60)
    fit, excess = fit_and_excess(problem, NetTrim(0.1).solve(problem))
    assert fit == pytest.approx(0.1, rel=0.05)
    assert excess < 0.05


@pytest.mark.parametrize("rectified, terms", [(True, 1), (False, 2)])
def test_few_terms_that_explain_the_outputs_are_found(rectified, terms):
    """With fewer rows than inputs, from a start without zeros."""
    sparse = sparse_kernel(30, 4, terms)
    problem = rows_problem(sparse, 8, rows=25, rectified=rectified)
    null = np.linalg.svd(problem.samples.inputs[0])[2][25:]
    other = sparse + null.T @ np.random.default_rng(3).normal(size=(5, 4))
    problem = dataclasses.replace(problem, target=other, weights=other)
    w = NetTrim(0.0, **EXACT).solve(problem)
    np.testing.assert_allclose(w, sparse, atol=1e-3)
    np.testing.assert_array_equal(w != 0, sparse != 0)


def test_a_larger_epsilon_leaves_fewer_entries():
    problem = rows_problem(dense_kernel(20, 10), 200)
    counts = [
        np.count_nonzero(NetTrim(epsilon).solve(problem))
        for epsilon in (0.01, 0.05, 0.1, 0.2, 0.4)
    ]
    assert counts == sorted(counts, reverse=True)
    assert len(set(counts)) == 5


@pytest.mark.parametrize("kept", [20, 60, 110])
@pytest.mark.parametrize("rectified", [True, False])
def test_without_epsilon_the_set_decides_how_many_stay(kept, rectified):
    problem = rows_problem(
        dense_kernel(12, 5, groups=2), kept, rectified=rectified
    )
    left = np.count_nonzero(NetTrim().solve(problem))
    assert 0.9 * kept <= left <= kept


def test_hinges_that_need_entries_give_way_to_the_rate():
    """Biases above zero that no epsilon lets a kernel of zeros meet."""
    w = dense_kernel(12, 5)
    problem = rows_problem(w, 3, bias=np.full((1, 5), 2.0))
    assert np.count_nonzero(NetTrim().solve(problem)) <= 3


def test_rows_of_low_rank_are_solved():
    problem = rows_problem(dense_kernel(12, 5), 60, rank=4, damping=0.1)
    w = NetTrim(0.05, **EXACT).solve(problem)
    fit, excess = fit_and_excess(problem, w)
    assert fit == pytest.approx(0.05, rel=1e-3)
    assert excess < 1e-4
    # Each column needs no more entries than there are independent inputs.
    assert np.count_nonzero(w, axis=1).max() <= 6


def test_inputs_without_data_get_no_entries():
    problem = rows_problem(dense_kernel(6, 3), 18)
    problem.samples.inputs[:, :, 2] = 0.0
    assert not NetTrim(0.5).solve(problem)[0, 2].any()
    problem.samples.inputs[...] = 0.0
    assert not NetTrim(0.5).solve(problem).any()


def test_inputs_of_a_pruned_model_keep_the_error_of_the_best_kernel():
    """No kernel meets a small epsilon then; the program stays feasible."""
    problem = rows_problem(dense_kernel(12, 5), 60)
    noise = np.random.default_rng(4).normal(size=(1, 60, 12))
    samples = problem.samples
    x = samples.inputs + 0.3 * noise
    best = np.linalg.lstsq(x[0], samples.outputs[0])[0][None]
    problem = dataclasses.replace(
        problem, target=best, samples=dataclasses.replace(samples, inputs=x)
    )
    fit, excess = fit_and_excess(problem, NetTrim(0.01).solve(problem))
    expected, allowed = fit_and_excess(problem, best)
    assert fit <= 1.05 * expected
    assert excess <= allowed + 0.05


@pytest.mark.parametrize("rectified", [True, False])
def test_epsilon_is_at_least_the_error_of_the_best_kernel(rectified):
    """With the inputs of a pruned model, and a damped kernel for them."""
    bias = np.array([[0.3, -0.2]])
    problem = rows_problem(
        dense_kernel(4, 2), 8, rows=10, bias=bias, rectified=rectified
    )
    samples = problem.samples
    noise = np.random.default_rng(4).normal(size=(1, 10, 4))
    x = samples.inputs[0] + 0.3 * noise[0]
    right = x.T @ (samples.outputs[0] - bias)
    best = np.linalg.solve(x.T @ x + 2.0 * np.eye(4), right)[None]
    problem = dataclasses.replace(
        problem,
        target=best,
        samples=dataclasses.replace(samples, inputs=x[None]),
    )
    least, _ = fit_and_excess(problem, best)
    w = NetTrim(least / 4, **EXACT).solve(problem)
    fit, _ = fit_and_excess(problem, w)
    assert fit == pytest.approx(least, rel=1e-4)
    expected = by_scipy(problem, least)
    assert np.sum(np.abs(w)) == pytest.approx(expected, rel=1e-4)


def test_same_problem_same_kernel():
    problem = rows_problem(dense_kernel(12, 5), 20)
    first, second = NetTrim().solve(problem), NetTrim().solve(problem)
    np.testing.assert_array_equal(first, second)


def test_epsilon_chooses_the_rate():
    assert NetTrim(0.1).chooses_rate
    assert not NetTrim().chooses_rate


def test_structures_of_more_than_single_entries_are_refused():
    assert NetTrim().refusal(Unstructured()) is None
    for structure in (NM(2, 4), Filter()):
        assert "unstructured sparsity only" in NetTrim().refusal(structure)


@pytest.mark.parametrize(
    "argument", [dict(epsilon=1.5), dict(tolerance=0.0), dict(iterations=0)]
)
def test_numbers_out_of_range_are_refused(argument):
    (name,) = argument
    with pytest.raises(ValueError, match=f"Received: {name}="):
        NetTrim(**argument)
