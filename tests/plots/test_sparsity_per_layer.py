"""Bars of the zeros in each kernel."""

import numpy as np
import pytest

from keras_slr.plots import sparsity_per_layer
from keras_slr.plots.axes import new_axes

pytestmark = pytest.mark.once("draws numbers")


def test_a_bar_per_kernel(make_model):
    model = make_model()
    for layer, share in zip(model.layers, (0.5, 0.25, 0.75)):
        kernel, bias = layer.get_weights()
        flat = np.ones(kernel.size)
        flat[: round(share * kernel.size)] = 0
        layer.set_weights([flat.reshape(kernel.shape), bias])
    given = new_axes()
    ax = sparsity_per_layer(model, given)
    assert ax is given
    assert [bar.get_width() for bar in ax.patches] == [0.5, 0.25, 0.75]
    labels = [text.get_text() for text in ax.get_yticklabels()]
    assert labels == [
        f"{model.name}/{name}/kernel" for name in ("hidden", "middle", "out")
    ]
    assert [t.get_text() for t in ax.texts] == ["50.0%", "25.0%", "75.0%"]
    # The first layer is at the top.
    places = ax.transData.transform([(0, 0), (0, 2)])[:, 1]
    assert places[0] > places[1]


def test_long_names_fit(make_model):
    ax = sparsity_per_layer(make_model())
    ax.figure.draw_without_rendering()
    for text in ax.get_yticklabels():
        assert text.get_window_extent().x0 >= 0
