"""Accuracy against sparsity."""

import numpy as np
import pytest

from keras_slr.plots import accuracy_sparsity_front
from keras_slr.plots.axes import new_axes

pytestmark = pytest.mark.once("draws numbers")

SCORES = {
    "slr": {0.98: [0.5, 0.7], 0.9: [0.8, 0.9]},
    "one shot": {0.95: 0.4},
}


def test_lines_are_means_by_sparsity():
    given = new_axes()
    ax = accuracy_sparsity_front(SCORES, ax=given)
    assert ax is given
    slr, one_shot = ax.lines
    assert list(slr.get_xdata()) == [0.9, 0.98]
    np.testing.assert_allclose(slr.get_ydata(), [0.85, 0.6])
    assert list(one_shot.get_ydata()) == [0.4]
    ticks = [text.get_text() for text in ax.get_xticklabels()]
    assert ticks == ["90 %", "95 %", "98 %"]
    texts = [text.get_text() for text in ax.get_legend().get_texts()]
    assert texts == ["slr", "one shot"]


def test_band_is_from_lowest_to_highest():
    (band,) = accuracy_sparsity_front(SCORES).collections
    corners = band.get_paths()[0].vertices
    assert {(0.9, 0.8), (0.9, 0.9), (0.98, 0.5), (0.98, 0.7)} <= set(
        map(tuple, corners.tolist())
    )


def test_half_of_what_is_left_is_one_step():
    ax = accuracy_sparsity_front({"slr": {0.9: 0.5, 0.95: 0.5, 0.975: 0.5}})
    x = ax.transData.transform([(s, 0.5) for s in (0.9, 0.95, 0.975)])[:, 0]
    assert x[1] - x[0] == pytest.approx(x[2] - x[1])
    ax.figure.draw_without_rendering()


def test_dense_is_drawn_across():
    *_, dense = accuracy_sparsity_front(SCORES, dense=0.97).lines
    assert list(dense.get_ydata()) == [0.97, 0.97]
    assert dense.get_label() == "dense"


@pytest.mark.parametrize("wrong", [{}, {"slr": {1.0: 0.5}}])
def test_sparsities_that_are_none(wrong):
    with pytest.raises(ValueError, match="sparsities in"):
        accuracy_sparsity_front(wrong)
