import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from keras_slr.allocation.allocations import FLOOR
from keras_slr.allocation.owl import outlier_share
from keras_slr.allocation.owl import owl

pytestmark = pytest.mark.once("NumPy alone")


def share_by_hand(kernels, inputs, M):
    scores = [
        abs(kernel[i, j]) * np.linalg.norm(x[:, i])
        for kernel, x in zip(kernels, inputs)
        for i, j in np.ndindex(*kernel.shape)
    ]
    mean = sum(scores) / len(scores)
    return sum(score > M * mean for score in scores) / len(scores)


@pytest.mark.parametrize("M", [1.0, 3.0])
def test_outliers_of_a_block_by_the_definition(M):
    rng = np.random.default_rng(0)
    kernels = [rng.normal(size=(6, 5)), rng.normal(size=(8, 3)) ** 3]
    inputs = [rng.normal(size=(20, len(kernel))) for kernel in kernels]
    diagonals = [np.square(x).sum(axis=0) for x in inputs]
    expected = share_by_hand(kernels, inputs, M)
    assert 0 < expected < 1
    assert outlier_share(kernels, diagonals, M) == pytest.approx(expected)
    # One group, as grouped convolutions have several.
    grouped = [kernel[None] for kernel in kernels]
    diagonals = [diagonal[None] for diagonal in diagonals]
    assert outlier_share(grouped, diagonals, M) == pytest.approx(expected)


def test_rates_of_equal_blocks_are_those_of_the_paper():
    outliers = np.array([0.05, 0.02, 0.03])
    rates = owl(outliers, [100, 100, 100], 0.7)
    scaled = (outliers - 0.02) / 0.03 * 2 * 0.08
    np.testing.assert_allclose(rates, 1 - (scaled - scaled.mean() + 0.3))


def test_blocks_with_equal_shares_have_equal_rates():
    np.testing.assert_allclose(owl([0.1, 0.1], [10, 30], 0.6), [0.6, 0.6])


@given(
    layers=st.lists(
        st.tuples(st.floats(0, 1), st.integers(1, 10**6)), min_size=1
    ),
    rate=st.floats(0.0, 0.99),
    lam=st.floats(0.0, 0.5),
)
@settings(max_examples=100, deadline=None)
def test_the_model_has_its_rate_and_no_layer_is_empty(layers, rate, lam):
    outliers, sizes = zip(*layers)
    rates = np.array(owl(outliers, sizes, rate, lam))
    assert rates @ sizes == pytest.approx(rate * sum(sizes), abs=1e-6)
    assert (rates >= 0).all()
    assert (rates <= 1 - FLOOR * (1 - rate) + 1e-12).all()
    # More outliers, more density.
    assert (np.diff(rates[np.argsort(outliers)]) <= 1e-12).all()
