"""Accuracy against sparsity, one line per method."""

from collections.abc import Mapping
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from keras_slr.plots.axes import new_axes
from keras_slr.plots.axes import tidy


def accuracy_sparsity_front(
    scores: Mapping[str, Mapping[float, float | Sequence[float]]],
    dense: float | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draws scores over sparsity, one line per method.

    The axis is logarithmic in the density: the step from 90 to 95 % is as
    wide as that from 95 to 97.5 %, because both halve the weights.

    Args:
        scores: Dict from a name to a dict from a sparsity in `[0, 1)` to the
            score there: a float, or a list with one per seed. A list is drawn
            as its mean, in a band from the lowest to the highest value.
        dense: Float, the score of the dense model, a horizontal line.
            Defaults to `None`, none.
        ax: Matplotlib axes. Defaults to `None`, those of a new figure.

    Returns:
        Matplotlib axes.

    Raises:
        ValueError: If a sparsity is outside `[0, 1)`.
    """
    at = sorted({s for points in scores.values() for s in points})
    if not at or not 0 <= at[0] <= at[-1] < 1:
        raise ValueError(
            "Expected scores at sparsities in [0, 1), the share of zeros. "
            f"Received the sparsities {at}."
        )
    ax = new_axes() if ax is None else ax
    for name, points in scores.items():
        x = sorted(points)
        seeds = [np.atleast_1d(points[sparsity]) for sparsity in x]
        means = [of.mean() for of in seeds]
        (line,) = ax.plot(x, means, marker="o", markersize=4, label=name)
        if any(len(of) > 1 for of in seeds):
            ax.fill_between(
                x,
                [of.min() for of in seeds],
                [of.max() for of in seeds],
                color=line.get_color(),
                alpha=0.18,
                linewidth=0,
            )
    if dense is not None:
        ax.axhline(dense, color="black", ls="--", lw=0.9, label="dense")
    ax.set_xscale("function", functions=(_place, _sparsity))
    ax.set_xticks(at, [f"{100 * sparsity:g} %" for sparsity in at])
    # Margins in units of the scale: in sparsities they would exceed one.
    ends = _place([at[0], at[-1]])
    margin = 0.05 * (np.ptp(ends) or 1.0)
    ax.set_xlim(_sparsity(ends + [-margin, margin]))
    ax.set_xlabel("sparsity")
    ax.set_ylabel("accuracy")
    ax.legend(frameon=False)
    tidy(ax)
    return ax


def _place(sparsity):
    # New axes reach to one, before they have their limits.
    return -np.log(np.maximum(1 - np.asarray(sparsity), 1e-6))


def _sparsity(place):
    return 1 - np.exp(-np.asarray(place))
