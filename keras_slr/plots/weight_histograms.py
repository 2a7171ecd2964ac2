"""Histograms of a kernel before and after pruning."""

import keras
import numpy as np
from matplotlib.axes import Axes

from keras_slr.plots.axes import new_axes
from keras_slr.plots.axes import tidy

_BINS = 61


def weight_histograms(
    before: keras.Variable | np.ndarray,
    after: keras.Variable | np.ndarray,
    ax: Axes | None = None,
) -> Axes:
    """Draws histograms of a kernel before and after pruning.

    Entries that are exactly zero would dwarf the other bars. They are left
    out, and the legend gives their share.

    Args:
        before: Keras variable or array of any shape, the kernel before. A
            `fit` changes the model in place: keep a copy, such as
            `layer.get_weights()[0]`.
        after: The same kernel after.
        ax: Matplotlib axes. Defaults to `None`, those of a new figure.

    Returns:
        Matplotlib axes.

    Raises:
        ValueError: If the shapes differ.
    """
    before, after = (
        np.asarray(keras.ops.convert_to_numpy(w), "float32")
        for w in (before, after)
    )
    if before.shape != after.shape:
        raise ValueError(
            "Expected the same kernel before and after. Received shapes "
            f"{before.shape} and {after.shape}: shrink the model after the "
            "plot."
        )
    ax = new_axes() if ax is None else ax
    most = max(np.abs(before).max(), np.abs(after).max())
    edges = np.linspace(-most, most, _BINS + 1)
    for name, w in (("before", before), ("after", after)):
        kept = w[w != 0]
        ax.hist(
            kept,
            edges,
            alpha=0.6,
            label=f"{name}, {1 - kept.size / w.size:.1%} zeros",
        )
    ax.set_xlabel("weight")
    ax.set_ylabel("entries")
    ax.legend(frameon=False)
    tidy(ax)
    return ax
