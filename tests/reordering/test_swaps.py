"""Swaps against all orders of a small matrix."""

import itertools

import numpy as np
import pytest

from keras_slr.reordering.swaps import Rows
from keras_slr.reordering.swaps import improved_order

pytestmark = pytest.mark.once("NumPy alone")


def total(squares, block, count):
    """Returns what the largest sums of blocks add up to, by loops."""
    sums = [
        sum(squares[i + j, column] for j in range(block))
        for i in range(0, len(squares), block)
        for column in range(squares.shape[1])
    ]
    return sum(sorted(sums)[len(sums) - count :])


def rows(squares, block, count):
    return Rows(squares, block, count, np.arange(len(squares))[:, None])


@pytest.mark.parametrize("block,count", [(2, 4), (2, 6), (3, 3), (3, 6)])
def test_all_orders_of_a_6_by_4_matrix(block, count):
    best = 0
    for seed in range(20):
        squares = np.random.default_rng(seed).exponential(size=(6, 4))
        order = improved_order([rows(squares, block, count)])
        assert sorted(order) == list(range(6))
        found = total(squares[order], block, count)
        all_of = [
            total(squares[list(p)], block, count)
            for p in itertools.permutations(range(6))
        ]
        assert total(squares, block, count) < found or order[0] == 0
        assert found >= all_of[0] - 1e-6
        best += found > max(all_of) - 1e-6
    # Swaps may end before the best order; here they seldom do.
    assert best >= 14


def test_rows_with_the_same_pattern_come_together():
    patterns = np.repeat(np.eye(4), 4, axis=0)
    shuffled = np.random.default_rng(0).permutation(16)
    squares = patterns[shuffled] + 0.01
    order = improved_order([rows(squares, 4, 4)])
    assert total(squares[order], 4, 4) == pytest.approx(16 * 1.01)


def test_no_swap_of_the_final_order_would_be_a_gain():
    """It holds for the swaps that promise most, and here for all of them."""
    squares = np.random.default_rng(3).exponential(size=(8, 5))
    found = squares[improved_order([rows(squares, 4, 4)])]
    for a, b in itertools.combinations(range(8), 2):
        swapped = found.copy()
        swapped[[a, b]] = found[[b, a]]
        assert total(swapped, 4, 4) <= total(found, 4, 4) + 1e-6


def test_several_matrices_and_several_rows_of_a_unit():
    """Unit 2i lies in rows 2i and 2i + 8 of one; row 8 of the other stays."""
    rng = np.random.default_rng(1)
    first, second = rng.exponential(size=(16, 3)), rng.exponential(size=(10, 4))
    twice = np.stack([np.arange(8), np.arange(8) + 8], axis=1)
    order = improved_order(
        [
            Rows(first, 4, 4, twice),
            Rows(second, 2, 8, np.arange(8)[:, None]),
        ]
    )
    new = np.concatenate([order, order + 8]), np.append(order, [8, 9])
    before = total(first, 4, 4) + total(second, 2, 8)
    after = total(first[new[0]], 4, 4) + total(second[new[1]], 2, 8)
    assert after > 1.05 * before
