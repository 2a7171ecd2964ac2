"""Groups and the layers they lie in."""

import keras
import pytest
from keras import layers
from matplotlib.colors import to_hex

from keras_slr.plots import dependency_groups
from keras_slr.plots.axes import new_axes

pytestmark = pytest.mark.once("draws numbers")


@pytest.fixture
def model():
    """A model of sums. Its groups: 0 stem, second, loop; 1 first; 2 head."""
    x = keras.Input((8, 8, 3))
    stem = layers.Conv2D(6, 3, padding="same", name="stem")(x)
    y = layers.BatchNormalization(name="norm")(stem)
    y = layers.Conv2D(4, 3, padding="same", name="first")(y)
    y = layers.Conv2D(6, 3, padding="same", name="second")(y)
    y = layers.Add()([stem, y])
    y = layers.Add()([y, layers.Conv2D(6, 3, padding="same", name="loop")(y)])
    y = layers.GlobalAveragePooling2D()(y)
    return keras.Model(x, layers.Dense(2, name="head")(y))


def test_cells_by_role(model):
    given = new_axes()
    ax = dependency_groups(model, given)
    assert ax is given
    rows = [text.get_text() for text in ax.get_yticklabels()]
    assert rows == ["stem", "norm", "first", "second", "loop", "head"]
    found = {
        kind.get_label().split()[0]: {
            (int(column), rows[int(row)]) for column, row in kind.get_offsets()
        }
        for kind in ax.collections
    }
    assert found == {
        "writes:": {
            (0, "stem"),
            (0, "second"),
            (0, "loop"),
            (1, "first"),
            (2, "head"),
        },
        "reads:": {(0, "first"), (0, "loop"), (0, "head"), (1, "second")},
        "cut": {(0, "norm")},
    }


def test_columns_tell_the_units(model):
    ax = dependency_groups(model)
    texts = [text.get_text() for text in ax.get_xticklabels()]
    assert texts == ["0\n6", "1\n4", "2\n2"]


def test_what_cannot_be_cut_is_grey(model):
    (writes,) = (
        kind
        for kind in dependency_groups(model).collections
        if kind.get_label().startswith("writes")
    )
    colors = {
        int(column): to_hex(color)
        for (column, _), color in zip(
            writes.get_offsets(), writes.get_facecolors(), strict=True
        )
    }
    assert colors[0] == colors[1] == to_hex("C0")
    assert colors[2] == to_hex("0.65")


def test_all_of_it_is_inside_the_figure(model):
    figure = dependency_groups(model).figure
    figure.draw_without_rendering()
    box = figure.get_tightbbox()
    assert box.x0 >= 0 and box.x1 <= figure.get_figwidth()
