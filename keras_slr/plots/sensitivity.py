"""The metric against the rate, one line per layer."""

from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes

from keras_slr.plots.axes import new_axes
from keras_slr.plots.axes import tidy


def sensitivity(scan: Any, ax: Axes | None = None) -> Axes:
    """Draws the metric over the rate of one layer at a time.

    Args:
        scan: `Sensitivity`, from `keras_slr.sensitivity(model, x, y)`.
        ax: Matplotlib axes. Defaults to `None`, those of a new figure.

    Returns:
        Matplotlib axes, with one line per layer and the legend beside them.
    """
    columns = 1 + (len(scan.paths) - 1) // 20
    ax = new_axes((6 + 3 * columns, 5)) if ax is None else ax
    # From the first layer to the last, so that depth can be seen.
    colors = matplotlib.colormaps["viridis"](
        np.linspace(0.0, 0.95, len(scan.paths))
    )
    for color, path, values in zip(colors, scan.paths, scan.values):
        ax.plot(
            [0.0, *scan.rates],
            [scan.dense, *values],
            marker=".",
            color=color,
            label=path,
        )
    ax.set_xlabel("rate of the layer")
    ax.set_ylabel(scan.metric)
    tidy(ax)
    ax.legend(
        loc="center left",
        bbox_to_anchor=(1.0, 0.5),
        ncols=columns,
        fontsize="small",
        frameon=False,
    )
    return ax
