"""Plots of the `Group`s of a task.

The axis of the scores is logarithmic in their distance to 100 %, so that the
step from 98 to 99 % is as large as that from 80 to 90 %.
"""

import io
import math
import statistics

import PIL.Image
from matplotlib.ticker import FixedLocator
from matplotlib.ticker import FuncFormatter
from matplotlib.ticker import MaxNLocator
from matplotlib.ticker import NullLocator

from benchmarks.quality.method_settings import NAMES
from benchmarks.quality.table import percent
from keras_slr.plots.axes import new_figure
from keras_slr.plots.axes import tidy

# Colours for the colour-blind (Okabe and Ito), and markers.
STYLES = {
    "slr": ("#d55e00", "o"),
    "slr_tuned": ("#e69f00", "h"),
    "gmp": ("#0072b2", "s"),
    "admm": ("#009e73", "^"),
    "admm_constant": ("#f0e442", "<"),
    "greg_1": ("#56b4e9", "D"),
    "greg_2": ("#cc79a7", "v"),
    "one_shot": ("#aaaaaa", "X"),
    "one_shot_first": ("#666666", "P"),
}
SLR = "slr"
SCORES = (99.9, 99.5, 99, 98.5, 98, 97, 95, 90, 80, 70, 60, 40, 0)
# A panel ends at this many times SLR's distance to 100 %.
SHOWN = 6.0
# The number of labels that fit above each other.
LABELS = 16


def draw(groups, folder):
    """Writes the plots of one task.

    Args:
        groups: List of `Group`s, one per number of epochs.
        folder: `pathlib.Path` to write the files to.

    Returns:
        List of the file names.
    """
    drawn = {
        "accuracy.png": _by_sparsity(groups),
        "epochs.png": _by_epoch(groups),
        "residual.png": _residuals(groups),
    }
    for name, figure in drawn.items():
        _save(figure, folder / name)
    return list(drawn)


def front(group, title, path):
    """Plots the scores of one group against sparsity, with labelled lines."""
    figure, (axes,) = _panels([group], (7.2, 4.0))
    _scores_at_rates(axes, group)
    _scale(axes, [group], group.rates, shown=math.inf)
    axes.set_title(title)
    _label_ends(axes)
    _save(figure, path)


def _by_sparsity(groups):
    figure, row = _panels(groups)
    for axes, group in zip(row, groups):
        _scores_at_rates(axes, group)
        _scale(axes, groups, group.rates)
    _legend(figure, row)
    return figure


def _by_epoch(groups):
    figure, row = _panels(groups)
    for axes, group in zip(row, groups):
        rate = _middle(group)
        for method in group.methods:
            curves = group.values(rate, method, "pruned_by_epoch")
            _curve(axes, method, [_missing(v) for v in _means(curves)])
            if len(curves) > 1:
                _band(axes, method, _ranges(curves))
        _dense(axes, group)
        _epochs(axes, rate)
        _scale(axes, groups, [rate])
    _legend(figure, row)
    return figure


def _residuals(groups):
    """Plots the methods that have a residual; zeros have their own tick."""
    figure, row = _panels(groups)
    curves = {
        (group.epochs, method): _means(
            group.values(_middle(group), method, "residual")
        )
        for group in groups
        for method in group.methods
    }
    curves = {key: curve for key, curve in curves.items() if any(curve)}
    positive = [v for curve in curves.values() for v in curve if v > 0]
    floor = min(positive, default=1.0) / 4
    for axes, group in zip(row, groups):
        for method in group.methods:
            curve = curves.get((group.epochs, method), [])
            _curve(axes, method, [v or floor for v in curve])
        _epochs(axes, _middle(group))
    first = math.ceil(math.log10(min(positive, default=1.0)))
    last = math.floor(math.log10(max(positive, default=1.0)))
    decades = [10.0**power for power in range(first, last + 1)]
    _log_axis(
        row[0],
        [floor, *decades],
        lambda value, _: "0" if value == floor else f"{value:g}",
    )
    row[0].set_ylim(floor / 1.5, 1.5 * max(positive, default=1.0))
    row[0].set_ylabel("||W - Z|| / ||W||")
    _legend(figure, row)
    return figure


def _panels(groups, size=None):
    """Returns a figure and its panels, one per group."""
    figure = new_figure(size or (2.4 + 2.8 * len(groups), 3.4))
    row = figure.subplots(1, len(groups), sharey=True, squeeze=False)[0]
    for axes, group in zip(row, groups):
        axes.set_title(f"{group.epochs} epochs", fontsize="medium")
        tidy(axes)
    return figure, row


def _scores_at_rates(axes, group):
    """Draws the scores over the rates, with their spread as a band."""
    places = {rate: -math.log(1 - rate) for rate in group.rates}
    for method in group.methods:
        rates = [rate for rate in group.rates if group.at(rate, method)]
        x = [places[rate] for rate in rates]
        scores = [group.values(rate, method) for rate in rates]
        _line(axes, method, x, [_missing(statistics.mean(s)) for s in scores])
        if any(len(s) > 1 for s in scores):
            _band(axes, method, [(min(s), max(s)) for s in scores], x)
    _dense(axes, group)
    axes.xaxis.set_major_locator(FixedLocator(list(places.values())))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xticklabels([f"{100 * rate:g}" for rate in places])
    axes.set_xlabel("sparsity in percent")


def _line(axes, method, x, y):
    colour, marker = STYLES[method]
    ours = method == SLR
    axes.plot(
        x,
        y,
        color=colour,
        marker=marker,
        markersize=5 if ours else 3.5,
        linewidth=2.4 if ours else 1.2,
        zorder=4 if ours else 3,
        label=NAMES[method],
    )


def _curve(axes, method, y):
    if y:
        _line(axes, method, range(1, len(y) + 1), y)


def _band(axes, method, ranges, x=None):
    low, high = zip(*ranges)
    axes.fill_between(
        range(1, len(low) + 1) if x is None else x,
        [_missing(score) for score in low],
        [_missing(score) for score in high],
        color=STYLES[method][0],
        alpha=0.18,
        linewidth=0,
    )


def _dense(axes, group):
    missing = _missing(statistics.mean(group.dense))
    axes.axhline(missing, color="black", ls="--", lw=0.9, label="dense")


def _epochs(axes, rate):
    axes.set_title(f"{axes.get_title()}, {percent(rate)}", fontsize="medium")
    axes.set_xlabel("epoch")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))


def _scale(axes, groups, rates, shown=SHOWN):
    """Scales the axis so that differences between good scores show."""
    scores = {
        (group.epochs, rate, method): group.mean(rate, method)
        for group in groups
        for rate in rates
        for method in group.methods
        if group.at(rate, method)
    }
    missing = [_missing(score) for score in scores.values()]
    missing += [_missing(v) for group in groups for v in group.dense]
    ours = [_missing(v) for (_, _, m), v in scores.items() if m == SLR]
    most = min(max(missing), shown * max(ours, default=math.inf))
    _log_axis(
        axes,
        [100.0 - score for score in SCORES],
        lambda value, _: f"{100 - value:g} %",
    )
    axes.set_ylim(1.2 * most, min(missing) / 1.2)


def _log_axis(axes, ticks, label):
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(FixedLocator(ticks))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(label))


def _legend(figure, row):
    lines = {line.get_label(): line for axes in row for line in axes.lines}
    figure.legend(
        lines.values(), lines, loc="outside right center", frameon=False
    )


def _label_ends(axes):
    """Writes the name of each line at its end, without overlaps."""
    worst, best = axes.get_ylim()
    gap = math.log(worst / best) / LABELS
    place = -math.inf
    for line in sorted(axes.lines, key=lambda line: line.get_ydata()[-1]):
        place = max(math.log(line.get_ydata()[-1]), place + gap)
        axes.annotate(
            line.get_label(),
            (1.02, math.exp(place)),
            xycoords=("axes fraction", "data"),
            va="center",
            color=line.get_color(),
            annotation_clip=False,
        )


def _middle(group):
    """Returns the rate below the highest, where most methods still work."""
    return group.rates[-2:][0]


def _missing(score):
    """Returns the distance to 100 %, at least 0.02 for the log axis."""
    return max(100.0 - score, 0.02)


def _means(curves):
    return [statistics.mean(at) for at in zip(*curves)]


def _ranges(curves):
    return [(min(at), max(at)) for at in zip(*curves)]


def _save(figure, path):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = io.BytesIO()
    figure.savefig(pixels, format="png", dpi=100)
    # With a palette, the file has a third of the size.
    image = PIL.Image.open(pixels).convert("RGB")
    image.quantize(128, dither=PIL.Image.Dither.NONE).save(path, optimize=True)
