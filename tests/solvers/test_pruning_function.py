"""The differentiable pruning function against limits and differences."""

import numpy as np
import pytest
from keras import ops

from keras_slr.solvers.pruning_function import SLOPE
from keras_slr.solvers.pruning_function import agreement
from keras_slr.solvers.pruning_function import pruned
from keras_slr.solvers.pruning_function import slope_in_w
from keras_slr.solvers.pruning_function import slope_ratio

W = np.concatenate([np.linspace(-3, 3, 25) + 0.01, [0.0]]).astype("float32")


def by_hand(w, t):
    """In double precision, entry by entry."""
    over = abs(w) - t
    soft = t / (1 + np.exp(-SLOPE * over / t))
    return np.sign(w) * (max(over, 0.0) + soft)


@pytest.mark.parametrize("t", [0.05, 1.0, 2.5])
def test_it_is_that_of_the_publication_and_scales_with_the_weights(t):
    expected = [by_hand(float(w), t) for w in W]
    np.testing.assert_allclose(
        ops.convert_to_numpy(pruned(ops, W, t)), expected, rtol=1e-5, atol=1e-7
    )
    np.testing.assert_allclose(
        ops.convert_to_numpy(pruned(ops, 1e-3 * W, 1e-3 * t)),
        1e-3 * np.array(expected),
        rtol=1e-4,
        atol=1e-9,
    )


def test_far_from_the_threshold_it_is_hard_pruning():
    f = ops.convert_to_numpy(
        pruned(ops, np.float32([0.1, -0.1, 4.0, -4.0]), 1.0)
    )
    np.testing.assert_allclose(f, [0, 0, 4, -4], atol=2e-3)
    whole = ops.convert_to_numpy(pruned(ops, W, 1e-30))
    np.testing.assert_allclose(whole, W, rtol=1e-6)


def test_slopes_are_those_of_finite_differences():
    t, h = 1.0, 1e-6
    w = W.astype("float64")
    in_w = [(by_hand(x + h, t) - by_hand(x - h, t)) / (2 * h) for x in w[:-1]]
    in_t = [(by_hand(x, t + h) - by_hand(x, t - h)) / (2 * h) for x in w[:-1]]
    found = ops.convert_to_numpy(slope_in_w(ops, W[:-1], np.float32(t)))
    np.testing.assert_allclose(found, in_w, rtol=2e-3, atol=1e-5)
    ratio = ops.convert_to_numpy(slope_ratio(ops, W[:-1], np.float32(t)))
    np.testing.assert_allclose(
        ratio, np.array(in_t) / np.array(in_w), rtol=5e-3, atol=1e-4
    )


@pytest.mark.parametrize("sign", [-1.0, 1.0])
def test_weights_that_grow_below_the_threshold_speak_against_it(sign):
    before = np.float32([0.6, -0.7, 0.8, 0.0])
    w = before * np.float32(1 + sign * 0.05)
    found = float(
        ops.convert_to_numpy(agreement(ops, w, before, np.float32(1.0)))
    )
    assert found == pytest.approx(sign, abs=1e-6)
    held = np.float32([np.inf, np.inf, np.inf, 0.0])
    assert (
        float(ops.convert_to_numpy(agreement(ops, w, held, np.float32(1.0))))
        == 0.0
    )
