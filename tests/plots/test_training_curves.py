"""Values of the logs over the epochs."""

import pytest

from keras_slr.plots import training_curves
from keras_slr.plots.axes import new_axes

pytestmark = pytest.mark.once("draws numbers")

HISTORY = {"loss": [3.0, 2.0, 1.0], "val_loss": [4.0, 3.0, 2.5]}


def test_a_curve_per_key_over_epochs_from_one():
    ax = training_curves(HISTORY, ["loss", "val_loss"])
    for line, (key, values) in zip(ax.lines, HISTORY.items(), strict=True):
        assert list(line.get_xdata()) == [1, 2, 3]
        assert list(line.get_ydata()) == values
        assert line.get_label() == key
    texts = [text.get_text() for text in ax.get_legend().get_texts()]
    assert texts == list(HISTORY)
    assert ax.get_xlabel() == "epoch"


def test_one_curve_is_named_by_the_axis():
    given = new_axes()
    ax = training_curves(HISTORY, ["loss"], ax=given)
    assert ax is given and len(ax.lines) == 1
    assert ax.get_ylabel() == "loss" and ax.get_legend() is None


def test_a_key_that_is_missing():
    with pytest.raises(ValueError, match="slr_residual. Received.*SLRCallback"):
        training_curves(HISTORY, ["slr_residual"])
