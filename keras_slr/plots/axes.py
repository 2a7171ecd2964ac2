"""Axes without pyplot, in the common style of all plots."""

import matplotlib.figure


def new_figure(size):
    """Returns a figure that is not registered with pyplot.

    Args:
        size: Pair of floats, width and height in inches.
    """
    return matplotlib.figure.Figure(figsize=size, layout="constrained")


def new_axes(size=(6.0, 3.5)):
    """Returns the only axes of a new figure.

    Args:
        size: See `new_figure`. Defaults to `(6.0, 3.5)`.
    """
    return new_figure(size).subplots()


def tidy(ax):
    """Removes the top and right spines and draws a pale grid."""
    ax.grid(alpha=0.3)
    ax.set_axisbelow(True)
    ax.spines[["top", "right"]].set_visible(False)
