"""A picture of a pruning run."""

import matplotlib.figure
from matplotlib.ticker import MaxNLocator

from keras_slr.whole_file import whole_file

_PANELS = (
    ("residual", (("slr_residual", "||W - Z|| / ||W||"),)),
    ("sparsity", (("slr_sparsity", "settled at zero"),)),
    (
        "validation accuracy",
        (
            ("val_accuracy", "as trained"),
            ("val_hard_accuracy", "hard-pruned"),
        ),
    ),
)


def plot_history(history, path=None):
    """Draws residual, sparsity and validation accuracy over the epochs.

    Args:
        history: Dict of lists, `fit(...).history` of a model with accuracy
            as a metric, validation data and
            `SLRCallback(monitor_hard_pruned=True)`.
        path: Image file to write. Defaults to `None`, none.

    Returns:
        Matplotlib figure.

    Raises:
        ValueError: If the history lacks a curve.
    """
    needed = [key for _, curves in _PANELS for key, _ in curves]
    missing = [key for key in needed if key not in history]
    if missing:
        raise ValueError(
            "Expected the history of a fit with validation data, accuracy and "
            "`SLRCallback(monitor_hard_pruned=True)`. Received one without "
            f"{', '.join(missing)}."
        )
    # Not by pyplot, which would choose a display and keep the figure.
    figure = matplotlib.figure.Figure(figsize=(6, 7), layout="constrained")
    for axes, (title, curves) in zip(
        figure.subplots(len(_PANELS), sharex=True), _PANELS
    ):
        for key, label in curves:
            epochs = range(1, len(history[key]) + 1)
            axes.plot(epochs, history[key], label=label)
        axes.set_ylabel(title)
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
        if len(curves) > 1:
            axes.legend(frameon=False)
    figure.axes[0].set_yscale("log")
    figure.axes[-1].set_xlabel("epoch")
    figure.axes[-1].xaxis.set_major_locator(MaxNLocator(integer=True))
    if path is not None:
        with whole_file(path) as made:
            figure.savefig(made, dpi=120)
    return figure
