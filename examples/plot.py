"""Plots that the examples save."""

from keras_slr_base.extras import extra

with extra("plot"):
    import matplotlib.figure
    from matplotlib.ticker import MaxNLocator
    from matplotlib.ticker import PercentFormatter


def plot_comparison(comparison, path):
    """Draws scores, the residual over epochs, and what each layer keeps.

    Args:
        comparison: `examples.comparison.Comparison`.
        path: Image file to write.
    """
    # pyplot would choose a display and keep the figure.
    figure = matplotlib.figure.Figure(figsize=(12, 4), layout="constrained")
    scores, residual, layers = figure.subplots(1, 3)
    found = {name: row.score for name, row in comparison.rows.items()}
    _draw_bars(scores, found, comparison.metric)
    _draw_residual(residual, comparison.history)
    _draw_layers(layers, comparison.report)
    for axes in figure.axes:
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=120)


def plot_bars(values, label, path):
    """Draws a bar for each number.

    Args:
        values: Dict of floats by name.
        label: String, the label of the axis.
        path: Image file to write.
    """
    figure = matplotlib.figure.Figure(figsize=(6, 4), layout="constrained")
    _draw_bars(figure.subplots(), values, label)
    figure.savefig(path, dpi=120)


def plot_pictures(pictures, titles, path):
    """Draws a grid of images.

    Args:
        pictures: List of rows, each a list of arrays of `(height, width)` or
            `(height, width, 3)`, entries in `[0, 1]`.
        titles: List of strings, one per column.
        path: Image file to write.
    """
    shape = (len(pictures), len(titles))
    figure = matplotlib.figure.Figure(
        figsize=(2.5 * shape[1], 2.2 * shape[0]), layout="constrained"
    )
    grid = figure.subplots(*shape, squeeze=False)
    for row, images in zip(grid, pictures):
        for axes, image in zip(row, images):
            # The sides of boxes are a pixel wide and must stay visible.
            axes.imshow(image, vmin=0, vmax=1, interpolation="antialiased")
            axes.set_axis_off()
    for axes, title in zip(grid[0], titles):
        axes.set_title(title)
    figure.savefig(path, dpi=120)


def _draw_bars(axes, values, label):
    bars = axes.bar(list(values), list(values.values()), color="tab:blue")
    axes.bar_label(bars, fmt="%.3f")
    axes.set_ylabel(label)
    axes.tick_params(axis="x", rotation=20)
    axes.spines[["top", "right"]].set_visible(False)


def _draw_residual(axes, history):
    values = history["slr_residual"]
    axes.plot(range(1, len(values) + 1), values, marker=".")
    # The residual ends at exactly zero.
    axes.set_yscale("symlog", linthresh=1e-4)
    axes.set_xlabel("epoch of pruning")
    axes.set_ylabel("residual ||W - Z|| / ||W||")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(alpha=0.3)


def _draw_layers(axes, report):
    kept = [1 - row.sparsity for row in report.pruned]
    axes.bar(range(1, len(kept) + 1), kept, color="tab:orange")
    axes.yaxis.set_major_formatter(PercentFormatter(xmax=1))
    axes.set_xlabel("pruned weight, from input to output")
    axes.set_ylabel("entries that stay")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
