"""Histograms before and after."""

import keras
import numpy as np
import pytest

from keras_slr.plots import weight_histograms
from keras_slr.plots.axes import new_axes

pytestmark = pytest.mark.once("draws numbers")


def heights(ax, after):
    """Returns the bars of one histogram, by the middles of their bins."""
    bars = ax.containers[after]
    return {bar.get_x() + bar.get_width() / 2: bar.get_height() for bar in bars}


def test_bars_count_what_is_not_zero():
    before = np.array([[-1.0, -0.5, 0.25], [0.5, 0.5, 1.0]])
    after = np.where(np.abs(before) < 0.6, 0.0, before)
    given = new_axes()
    ax = weight_histograms(before, after, given)
    assert ax is given
    found = [
        {round(x, 1): n for x, n in heights(ax, i).items() if n} for i in (0, 1)
    ]
    assert found[0] == {-1.0: 1, -0.5: 1, 0.3: 1, 0.5: 2, 1.0: 1}
    assert found[1] == {-1.0: 1, 1.0: 1}
    texts = [text.get_text() for text in ax.get_legend().get_texts()]
    assert texts == ["before, 0.0% zeros", "after, 66.7% zeros"]


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_variables(dtype):
    kernel = keras.Variable(np.array([[0.5, -0.5]]), dtype=dtype)
    ax = weight_histograms(kernel, kernel)
    for after in (0, 1):
        assert sum(heights(ax, after).values()) == 2


def test_nothing_but_zeros():
    ax = weight_histograms(np.zeros((2, 2)), np.zeros((2, 2)))
    assert sum(heights(ax, 1).values()) == 0


def test_a_shrunk_kernel():
    with pytest.raises(ValueError, match=r"\(2, 3\) and \(2, 2\)"):
        weight_histograms(np.ones((2, 3)), np.ones((2, 2)))
