"""Sums over rows against the rows themselves."""

import numpy as np
import pytest

from keras_slr.layerwise.moments import Moments
from keras_slr.layerwise.moments import SplitMoments

pytestmark = pytest.mark.once("NumPy alone")


def rows(seed, count=40):
    """Returns inputs, what the outputs lack, and which rows are held out."""
    rng = np.random.default_rng(seed)
    x, e = rng.normal(size=(2, count, 6)), rng.normal(size=(2, count, 3))
    return x, e, np.arange(count) % 5 == 4


def test_the_error_is_that_of_the_outputs():
    x, e, _ = rows(0)
    rng = np.random.default_rng(1)
    w, dense = rng.normal(size=(2, 2, 6, 3))
    moments = Moments(2, 6, 3)
    moments.add(x)
    moments.add_lack(x, e)
    wanted = x @ dense + e
    expected = np.sum((x @ w - wanted) ** 2) / np.sum(wanted**2)
    np.testing.assert_allclose(moments.relative_error(w, dense), expected)
    part = moments.of_outputs(slice(None, None, 2))
    w, dense, wanted = w[..., ::2], dense[..., ::2], wanted[..., ::2]
    expected = np.sum((x @ w - wanted) ** 2) / np.sum(wanted**2)
    np.testing.assert_allclose(part.relative_error(w, dense), expected)


def test_the_best_kernel_minimizes_error_and_distance():
    x, e, _ = rows(0)
    dense = np.random.default_rng(1).normal(size=(2, 6, 3))
    moments = Moments(2, 6, 3)
    moments.add(x)
    moments.add_lack(x, e)
    _, target = moments.damped(0.3, dense)
    for group in range(2):
        # Rows for the penalty, in a system for ordinary least squares.
        strength = np.sqrt(0.3 * np.sum(x[group] ** 2) / 6)
        system = np.concatenate([x[group], strength * np.eye(6)])
        wanted = np.concatenate(
            [x[group] @ dense[group] + e[group], strength * dense[group]]
        )
        expected, *_ = np.linalg.lstsq(system, wanted, rcond=None)
        np.testing.assert_allclose(target[group], expected)


def test_the_step_is_shortened_to_what_helps_on_rows_held_out():
    x, e, held_out = rows(0)
    dense = np.random.default_rng(1).normal(size=(2, 6, 3))
    # Rows held out show half of what the fitted rows do, beside noise.
    change = np.random.default_rng(2).normal(size=(2, 6, 3))
    e = 0.3 * e + x @ change * np.where(held_out, 0.5, 1.0)[:, None]
    moments = SplitMoments.of((2, 6, 3))
    moments.add(x, held_out, e)
    _, whole = moments.fitted.damped(0.01, dense)
    _, target, share = moments.damped(0.01, dense)
    shares = np.linspace(0.0, 1.0, 1001)
    errors = [
        np.sum((x @ (share * (whole - dense)) - e)[:, held_out] ** 2)
        for share in shares
    ]
    best = shares[np.argmin(errors)]
    assert 0.3 < best < 0.7
    np.testing.assert_allclose(share, best, atol=1e-3)
    np.testing.assert_allclose(
        target, dense + best * (whole - dense), atol=2e-3
    )
    # The same share of the step for all rows.
    everything = Moments(2, 6, 3)
    everything.add(x)
    everything.add_lack(x, e)
    expected_gram, step = everything.damped(0.01, dense)
    gram, target = moments.damped_whole(0.01, dense, 0.5)
    np.testing.assert_allclose(gram, expected_gram)
    np.testing.assert_allclose(target, dense + 0.5 * (step - dense))


def test_a_step_that_only_fits_noise_is_not_made():
    x, e, held_out = rows(0)
    dense = np.random.default_rng(1).normal(size=(2, 6, 3))
    moments = SplitMoments.of((2, 6, 3))
    moments.add(x, held_out, e)
    step = moments.fitted.damped(0.01, dense)[1] - dense
    moments.held_out.lack = -moments.held_out.gram @ step
    _, target, share = moments.damped(0.01, dense)
    assert share == 0.0
    np.testing.assert_allclose(target, dense)
