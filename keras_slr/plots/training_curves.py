"""Values of the logs over the epochs."""

from collections.abc import Mapping
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from keras_slr.plots.axes import new_axes
from keras_slr.plots.axes import tidy


def training_curves(
    history: Mapping[str, Sequence[float]],
    keys: Sequence[str],
    ax: Axes | None = None,
) -> Axes:
    """Draws values of the logs over the epochs.

    Args:
        history: Dict from a key to a list with one number per epoch, as in
            `fit(...).history`.
        keys: List of strings, the curves to draw, such as
            `["val_accuracy", "val_hard_accuracy"]`.
        ax: Matplotlib axes. Defaults to `None`, those of a new figure.

    Returns:
        Matplotlib axes. A single curve is named by the axis, several by a
        legend.

    Raises:
        ValueError: If the history lacks a key.
    """
    missing = [key for key in keys if key not in history]
    if missing:
        raise ValueError(
            f"Expected a history with {', '.join(missing)}. Received one with "
            f"{', '.join(history)}: `slr_...` come with `SLRCallback`, "
            "`val_...` with validation data, and `val_hard_...` with "
            "`SLRCallback(monitor_hard_pruned=True)` beside them."
        )
    ax = new_axes() if ax is None else ax
    for key in keys:
        epochs = range(1, len(history[key]) + 1)
        ax.plot(epochs, history[key], label=key)
    if len(keys) == 1:
        ax.set_ylabel(keys[0])
    else:
        ax.legend(frameon=False)
    ax.set_xlabel("epoch")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    tidy(ax)
    return ax
