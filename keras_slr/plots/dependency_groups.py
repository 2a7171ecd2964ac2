"""Dependency groups: which layers are cut together."""

from typing import Any

import keras
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator

from keras_slr.plots.axes import new_axes
from keras_slr.plots.axes import tidy
from keras_slr.shrinking import groups as shrink
from keras_slr.shrinking.trace import INPUT
from keras_slr.shrinking.trace import OUTPUT

# The look of a layer's role in a group. A layer that reads and writes the same
# group is a square in a frame; biases and norms are always "cut along".
_ALONG = "along"
_LOOKS = {
    OUTPUT: ("writes: filters go", {"marker": "s", "s": 60}),
    INPUT: (
        "reads: inputs go",
        {"marker": "s", "s": 130, "facecolors": "none", "linewidths": 1.5},
    ),
    _ALONG: ("cut along", {"marker": "o", "s": 18}),
}


def dependency_groups(model: keras.Model, ax: Axes | None = None) -> Axes:
    """Draws which layers write, read and accompany each group of units.

    A row is a layer and a column is a group: the marked layers of a column
    are cut together. Groups that cannot be cut are grey.

    Args:
        model: Built Functional or Sequential model.
        ax: Matplotlib axes. Defaults to `None`, those of a new figure.

    Returns:
        Matplotlib axes, with the first layer at the top. The markers of a
        kind are one collection with the kind as its label, at offsets
        `(group, layer)`.

    Raises:
        TypeError: If the model is not a Keras 3 model.
        ValueError: If the model is not built or its graph is not known.
    """
    groups = shrink.dependency_groups(model)
    cells = _roles(groups)
    met = {layer for layer, _ in cells}
    layers = [
        layer
        for layer in dict.fromkeys(_layer_of(w) for w in model.weights)
        if layer in met
    ]
    if ax is None:
        ax = new_axes((4.2 + 0.55 * len(groups), 1.2 + 0.26 * len(layers)))
    for role, (label, look) in _LOOKS.items():
        places = [
            (column, layers.index(layer))
            for (layer, column), found in cells.items()
            if role in found
        ]
        x, y = zip(*places) if places else ((), ())
        colors = ["0.65" if groups[i].reason else "C0" for i in x]
        painted = "edgecolors" if "facecolors" in look else "color"
        style: dict[str, Any] = {**look, painted: colors}
        ax.scatter(x, y, label=label, **style)
    tidy(ax)
    ax.set_yticks(range(len(layers)), layers)
    ax.set_ylim(len(layers) - 0.5, -0.5)
    ax.set_xlim(-0.5, len(groups) - 0.5)
    ax.xaxis.set_major_locator(FixedLocator(range(len(groups))))
    ax.set_xticklabels([f"{i}\n{g.size}" for i, g in enumerate(groups)])
    ax.set_xlabel("group, and its units")
    handles, labels = ax.get_legend_handles_labels()
    ax.figure.legend(handles, labels, loc="outside right upper", frameon=False)
    return ax


def _roles(groups):
    """Returns the set of roles of each pair of a layer and a column."""
    cells = {}
    for column, group in enumerate(groups):
        for member in group.members:
            found = cells.setdefault(
                (_layer_of(member.variable), column), set()
            )
            found.add(member.role if member.role in _LOOKS else _ALONG)
    # A kernel says more than the bias beside it.
    return {at: found - {_ALONG} or found for at, found in cells.items()}


def _layer_of(variable):
    return variable.path.rpartition("/")[0]
