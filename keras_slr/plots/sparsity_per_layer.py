"""Where the zeros of a model are."""

import keras
from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter

from keras_slr.plots.axes import new_axes
from keras_slr.plots.axes import tidy
from keras_slr.reports.sparsity import sparsity


def sparsity_per_layer(model: keras.Model, ax: Axes | None = None) -> Axes:
    """Draws the share of zeros in each kernel as a bar.

    Args:
        model: Built Keras model.
        ax: Matplotlib axes. Defaults to `None`, those of a new figure.

    Returns:
        Matplotlib axes, with the first kernel at the top.

    Raises:
        TypeError: If the model is not a Keras 3 model.
        ValueError: If the model is not built.
    """
    shares = sparsity(model)
    if ax is None:
        ax = new_axes((6.0, 1.0 + 0.28 * len(shares)))
    # By position: two bars may have the same path.
    places = range(len(shares))
    bars = ax.barh(places, list(shares.values()))
    ax.bar_label(bars, [f"{share:.1%}" for share in shares.values()], padding=3)
    ax.set_yticks(places, list(shares))
    ax.invert_yaxis()
    tidy(ax)
    ax.grid(visible=False, axis="y")
    ax.set_xlim(0, 1.12)
    ax.set_xticks([0, 0.25, 0.5, 0.75, 1])
    ax.xaxis.set_major_formatter(PercentFormatter(1.0))
    ax.set_xlabel("zeros")
    return ax
