import dataclasses
import itertools

import numpy as np
import pytest

from keras_slr.layerwise.solvers import admm
from keras_slr.layerwise.solvers.admm import LayerADMM
from keras_slr.layerwise.solvers.admm import growth
from keras_slr.layerwise.solvers.least_squares import least_squares
from keras_slr.layerwise.solvers.magnitude import Magnitude
from keras_slr.layerwise.solvers.scaled import Scaled
from keras_slr.layerwise.solvers.slr import LayerSLR
from keras_slr.layerwise.solvers.slr import run
from keras_slr.structures import NM
from tests.layerwise.solvers.random_problems import column_error
from tests.layerwise.solvers.random_problems import random_problem
from tests.layerwise.solvers.random_problems import refit

pytestmark = pytest.mark.once("NumPy alone")
SOLVERS = [LayerSLR(), LayerADMM()]


def least_error(problem, count):
    """The minimum over all supports of a problem with one output."""
    gram, target = problem.gram[0], problem.target[0, :, 0]
    errors = []
    for kept in itertools.combinations(range(len(target)), count):
        mask = np.isin(np.arange(len(target)), kept)
        errors.append(column_error(gram, target, refit(gram, target, mask)))
    return min(errors)


@pytest.mark.parametrize("solver", SOLVERS)
def test_near_the_optimum_over_all_supports(solver):
    ratios = []
    for seed, count in itertools.product(range(10), (3, 5, 8)):
        problem = random_problem(11, 1, count, seed=seed)
        w = solver.solve(problem)
        assert np.count_nonzero(w) == count
        ratios.append(problem.error(w) / least_error(problem, count))
    assert min(ratios) >= 1 - 1e-9
    # SLR finds 24 of these 30 optima, ADMM 23.
    assert np.mean(np.isclose(ratios, 1.0)) > 0.7
    assert np.mean(ratios) < 1.06


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("kept", [0.1, 0.3, 0.5])
def test_better_than_least_squares_on_the_largest_weights(solver, kept):
    for seed in range(4):
        problem = random_problem(40, 20, int(800 * kept), seed=seed)
        error = problem.error(solver.solve(problem))
        rival = problem.error(Magnitude(refit=True).solve(problem))
        assert error < 0.9 * rival


@pytest.mark.parametrize("solver", SOLVERS)
def test_gradient_vanishes_on_the_support(solver):
    problem = random_problem(30, 10, 90, groups=2)
    w = solver.solve(problem)
    gradient = problem.gram @ (w - problem.target)
    assert np.count_nonzero(w) == 90
    assert np.abs(gradient[w != 0]).max() < 1e-3


@pytest.mark.parametrize("solver", SOLVERS)
def test_any_set_with_a_projection(solver):
    problem = random_problem(16, 6, 0, groups=2, structure=NM(2, 4))
    w = solver.solve(problem)
    counts = (w != 0).reshape(2, 4, 4, 6).sum(axis=2)
    np.testing.assert_array_equal(counts, 2)
    assert problem.error(w) < problem.error(Magnitude(True).solve(problem))


@pytest.mark.parametrize("solver", SOLVERS)
def test_whole_rows(solver):
    problem = random_problem(20, 6, 0)

    def nearest(w):
        norms = np.sum(w**2, axis=2, keepdims=True)
        least = np.sort(norms, axis=1)[:, -8:-7]
        return np.broadcast_to(norms >= least, w.shape)

    problem = dataclasses.replace(problem, nearest=nearest)
    w = solver.solve(problem)
    rows = np.any(w != 0, axis=2)
    assert np.count_nonzero(rows) == 8
    assert problem.error(w) < problem.error(Magnitude(True).solve(problem))


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("kept", [0, 50])
def test_sets_of_nothing_and_of_everything(solver, kept):
    problem = random_problem(10, 5, kept)
    expected = problem.target if kept else np.zeros_like(problem.target)
    np.testing.assert_allclose(solver.solve(problem), expected, atol=1e-8)


@pytest.mark.parametrize("solver", SOLVERS)
def test_fewer_samples_than_inputs(solver):
    problem = random_problem(40, 10, 120, rows=10)
    w = solver.solve(problem)
    assert np.isfinite(w).all()
    assert np.count_nonzero(w) <= 120
    assert problem.error(w) < problem.error(Magnitude(True).solve(problem))


@pytest.mark.parametrize("solver", SOLVERS)
def test_the_units_of_the_inputs_do_not_matter(solver):
    problem = random_problem(20, 5, 40)
    units = np.geomspace(0.01, 100.0, 20)[None, :, None]
    other = dataclasses.replace(
        problem,
        gram=problem.gram * units * units.swapaxes(1, 2),
        target=problem.target / units,
    )
    np.testing.assert_allclose(
        solver.solve(other) * units, solver.solve(problem), atol=1e-5
    )


def lagrangian(scaled, a, w, z, lam, rho):
    off = w - scaled.target
    return (
        0.5 * np.trace((off.swapaxes(1, 2) @ a @ off).sum(axis=0))
        + np.sum(lam * (w - z))
        + rho / 2 * np.sum((w - z) ** 2)
    )


def test_conditions_and_multipliers_against_a_recomputation():
    problem = random_problem(25, 8, 60, groups=2)
    scaled = Scaled.of(problem, np.float64)
    size = np.sqrt(np.diagonal(problem.gram, axis1=1, axis2=2))
    a = problem.gram / size[:, :, None] / size[:, None]
    solver = LayerSLR()
    w, lam = scaled.target, np.zeros_like(scaled.target)
    z = np.where(problem.nearest(w), w, 0.0)
    s = solver.rho
    norm, k, steps = np.linalg.norm(w - z), 1, 0
    for new in run(solver, scaled):
        rho = new.multiplier.rho
        inverse = np.linalg.inv(a + rho * np.eye(25))
        expected = inverse @ (a @ scaled.target - lam + rho * z)
        np.testing.assert_allclose(new.w, expected, atol=1e-9)
        falls = lagrangian(scaled, a, w, z, lam, rho) - lagrangian(
            scaled, a, new.w, z, lam, rho
        )
        assert new.condition_1 == (falls > 0)
        for condition, step_of in ((new.condition_1, z), (None, new.z)):
            if condition is None:
                falls = lagrangian(scaled, a, new.w, z, lam, rho) - lagrangian(
                    scaled, a, new.w, new.z, lam, rho
                )
                condition = falls > 0
                assert new.condition_2 == condition
            if condition:
                gap = new.w - step_of
                alpha = 1 - 1 / (300 * k ** (1 - k**-0.1))
                s = min(alpha * s * norm / np.linalg.norm(gap), rho)
                norm, k, steps = np.linalg.norm(gap), k + 1, steps + 1
                lam = lam + s * gap
        np.testing.assert_allclose(new.lam, lam, atol=1e-9)
        np.testing.assert_allclose(new.multiplier.s, s)
        w, z = new.w, new.z
    assert new.multiplier.k == steps + 1
    # Exact minimizations always make the Lagrangian smaller.
    assert steps == 2 * solver.iterations


@pytest.mark.parametrize("rows", [20, 400])
def test_single_precision_leads_to_supports_as_good(rows):
    problem = random_problem(100, 60, 1500, rows=rows)
    errors = []
    for dtype in (np.float32, np.float64):
        *_, last = run(LayerSLR(), Scaled.of(problem, dtype))
        w = least_squares(problem.gram, problem.target, last.mask)
        errors.append(problem.error(w))
    assert errors[0] == pytest.approx(errors[1], rel=0.005)


@pytest.mark.parametrize(
    ("changed", "factor"),
    [(0.11, 1.3), (0.1, 1.2), (0.006, 1.2), (0.005, 1.1), (0.0, 1.0)],
)
def test_rho_of_admm_follows_the_support(changed, factor):
    assert growth(changed) == factor


def test_admm_starts_anew_with_a_fifth_of_rho_if_nothing_changes(monkeypatch):
    scaled = Scaled.of(random_problem(10, 5, 50))
    strengths = []
    minimize = Scaled.minimize

    def recorded(self, rho, right):
        strengths.append(rho)
        return minimize(self, rho, right)

    monkeypatch.setattr(Scaled, "minimize", recorded)
    admm.run(LayerADMM(iterations=9), scaled)
    np.testing.assert_allclose(strengths, np.repeat([0.1, 0.02, 0.004], 3))


@pytest.mark.parametrize(
    ("solver", "config", "message"),
    [
        (LayerSLR, {"iterations": 0}, "at least 1"),
        (LayerSLR, {"rho": 0.0}, "positive `rho`"),
        (LayerSLR, {"stepsize_bound": -1.0}, "positive `stepsize_bound`"),
        (LayerSLR, {"M": 1.0}, "M > 1"),
        (LayerADMM, {"rho": -0.1}, "positive `rho`"),
        (LayerADMM, {"iterations": 0}, "at least 1"),
    ],
)
def test_bad_hyper_parameters_are_refused(solver, config, message):
    with pytest.raises(ValueError, match=message):
        solver(**config)
