"""Second moments against means over many random inputs."""

import numpy as np
import pytest

from keras_slr.merging.moments import Moments

pytestmark = pytest.mark.once("NumPy alone")

UNITS = np.arange(4)


@pytest.fixture
def filters():
    return np.random.default_rng(0).normal(size=(4, 3))


@pytest.fixture
def noise():
    return np.random.default_rng(1).normal(size=(400_000, 3))


@pytest.mark.parametrize(
    "slopes", [(1, 1), (1, 0), (1, 0.2), (-1, -1), (1, -1)]
)
def test_an_activation_gives_the_mean_of_products(filters, noise, slopes):
    x = noise @ filters.T
    y = np.where(x > 0, slopes[0] * x, slopes[1] * x)
    found = Moments.of_filters(UNITS, filters).activated(slopes)
    np.testing.assert_allclose(found.gram, y.T @ y / len(y), atol=0.02)


def test_the_factor_is_that_of_least_squares_and_leaves_its_error(
    filters, noise
):
    y = np.maximum(noise @ filters.T, 0)
    moments = Moments.of_filters(UNITS, filters).activated((1.0, 0.0))
    c, errors = moments.coefficients(), moments.errors()
    for j in range(4):
        for r in range(4):
            best = (y[:, j] @ y[:, r]) / (y[:, r] @ y[:, r])
            left = np.mean(np.square(y[:, j] - best * y[:, r]))
            assert c[j, r] == pytest.approx(best, abs=0.02)
            assert errors[j, r] == pytest.approx(left, abs=0.02)


def test_no_factor_is_negative():
    moments = Moments.of_filters(np.arange(2), np.array([[1.0], [-2.0]]))
    np.testing.assert_array_equal(moments.coefficients(), [[1, 0], [0, 1]])
    np.testing.assert_array_equal(moments.errors(), [[0, 1], [4, 0]])


def test_without_scales_the_factor_is_one(filters):
    moments = Moments.of_filters(UNITS, filters).activated(None)
    assert np.all(moments.coefficients() == 1)
    distance = np.sum(np.square(filters[0] - filters[1]))
    assert moments.errors()[0, 1] == pytest.approx(distance)


def test_scales_and_shifts_are_those_of_the_values(filters, noise):
    scale, shift = np.array([[1.0, -2.0, 0.5, 3.0], [0.3, 1.0, 0.0, -1.0]])
    y = scale * (noise @ filters.T + 1.0) + shift
    found = (
        Moments.of_filters(UNITS, filters)
        .shifted(np.ones((4, 1)))
        .scaled(scale[:, None])
        .shifted(shift[:, None])
        .closed()
    )
    np.testing.assert_allclose(found.gram, y.T @ y / len(y), atol=0.1)


def test_filters_of_units_multiply_their_vectors():
    rng = np.random.default_rng(2)
    filters, windows = rng.normal(size=(4, 3)), rng.normal(size=(4, 5))
    found = Moments.of_filters(UNITS, filters).scaled(windows).gram
    whole = np.einsum("ui,uw->uiw", filters, windows).reshape(4, 15)
    np.testing.assert_allclose(found, whole @ whole.T)


def test_without_scales_other_factors_make_units_differ():
    moments = Moments.of_filters(np.arange(2), np.array([[2.0], [1.0]]))
    moments = moments.activated(None)
    # 2 * tanh(1 x) is not 1 * tanh(2 x).
    assert moments.scaled(np.array([[1.0], [2.0]])).errors()[0, 1] > 0.1


def test_units_that_are_not_here_are_zero(filters):
    moments = Moments.of_filters(np.array([2, 5, 7, 9]), filters)
    found = moments.at(np.array([5, 6, 9])).gram
    assert not found[1].any()
    assert found[0, 2] == pytest.approx(filters[1] @ filters[3])
