"""A picture of a benchmark."""

from keras_slr_base.atomic_file import atomic_file
from keras_slr_base.extras import extra

with extra("plot"):
    import matplotlib.figure

_MARKERS = "osD^vP*X"


def plot(benchmark, path=None):
    """Draws latency against size, and against the score if there is one.

    Args:
        benchmark: `Benchmark`.
        path: Image file to write. Defaults to `None`, none.

    Returns:
        Matplotlib figure.
    """
    rows = [row for row in benchmark.rows if row.seconds]
    panels = [("gzip KB", lambda row: row.gzip_bytes / 1000)]
    if rows and all(row.score is not None for row in rows):
        panels.append((benchmark.metric, lambda row: row.score))
    # Not with pyplot, which would open a display and keep the figure.
    figure = matplotlib.figure.Figure(
        figsize=(5 * len(panels), 4), layout="constrained"
    )
    counts = list(dict.fromkeys(row.threads for row in benchmark.rows))
    for axes, (label, height) in zip(
        figure.subplots(1, len(panels), squeeze=False)[0], panels
    ):
        for count, marker in zip(counts, _MARKERS):
            of_count = [row for row in rows if row.threads == count]
            axes.plot(
                [row.seconds.median * 1000 for row in of_count],
                [height(row) for row in of_count],
                marker,
                label=f"{count} thread{'s' * (count > 1)}",
            )
        for row in rows:
            axes.annotate(
                row.name,
                (row.seconds.median * 1000, height(row)),
                textcoords="offset points",
                xytext=(5, 3),
                fontsize=8,
            )
        axes.set_xlabel("ms, median")
        axes.set_ylabel(label)
        axes.set_xlim(left=0)
        axes.margins(x=0.2, y=0.1)
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
    if len(counts) > 1:
        figure.axes[0].legend(frameon=False)
    if path is not None:
        with atomic_file(path) as made:
            figure.savefig(made, dpi=120)
    return figure
