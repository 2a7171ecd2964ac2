"""Axes without pyplot, in the look that all plots share."""

import matplotlib.figure


def new_figure(size):
    """Returns a figure that no display knows of.

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
    """Takes the frame off axes on two sides and lays a pale grid."""
    ax.grid(alpha=0.3)
    ax.set_axisbelow(True)
    ax.spines[["top", "right"]].set_visible(False)
