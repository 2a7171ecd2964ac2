"""Markdown tables of a `Group`."""

import statistics

from benchmarks.quality import trial
from benchmarks.quality.method_settings import NAMES


def spread(values):
    """Returns the mean, and the range if there are several values."""
    text = f"{statistics.mean(values):.2f}"
    if len(values) > 1:
        text += f" ({min(values):.2f} to {max(values):.2f})"
    return text


def percent(rate):
    return f"{100 * rate:g} %"


def scores(group):
    """Renders the score of each method at each rate, with its spread."""
    columns = [_scores_at(group, rate) for rate in group.rates]
    rows = [
        [NAMES[method], *cells]
        for method, *cells in zip(group.methods, *columns)
    ]
    return rows_of(["method", *map(percent, group.rates)], rows)


def details(group):
    """Renders all measurements, means over seeds."""
    columns = [c for c in COLUMNS if c.is_there(group)]
    rows = []
    for rate in group.rates:
        methods = [m for m in group.methods if group.at(rate, m)]
        cells = [
            bold_best(
                [column.text(group, rate, m) for m in methods],
                [column.value(group, rate, m) for m in methods],
                column.best,
            )
            for column in columns
        ]
        rows += [
            [percent(rate), NAMES[method], *row]
            for method, *row in zip(methods, *cells)
        ]
    return rows_of(["rate", "method", *(c.title for c in columns)], rows)


def rows_of(header, rows):
    """Renders a Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def bold_best(texts, values, best=max):
    """Returns the texts, with those of the best value in bold.

    Args:
        texts: List of strings.
        values: List of as many floats; `None` is never the best.
        best: `max`, `min`, or `None` for no bold text. Defaults to `max`.
    """
    known = [pair for pair in zip(values, texts) if pair[0] is not None]
    if best is None or not known or len(set(texts)) == 1:
        return texts
    _, top = best(known)
    return [f"**{text}**" if text == top else text for text in texts]


def _scores_at(group, rate):
    texts = []
    for method in group.methods:
        runs = group.at(rate, method)
        text = spread(group.values(rate, method)) if runs else ""
        if runs and len(runs) < len(group.seeds):
            text += f", {len(runs)} of {len(group.seeds)} seeds"
        if any("diverged" in run for run in runs):
            text += ", diverged"
        texts.append(text)
    means = [group.mean(rate, method) for method in group.methods]
    return bold_best(texts, means)


class Column:
    """One column of a table.

    Args:
        title: String.
        key: String, key of the value in the runs.
        form: String, format of the mean. Defaults to `".2f"`.
        best: See `bold_best`. Defaults to `max`.
    """

    def __init__(self, title, key, form=".2f", best=max):
        self.title = title
        self.key = key
        self.form = form
        self.best = best

    def is_there(self, group):
        """Returns whether any run has a value."""
        return any(self.key in run for run in group.runs)

    def value(self, group, rate, method):
        """Returns the mean of a cell, or `None` if no run has a value."""
        return group.mean(rate, method, self.key)

    def text(self, group, rate, method):
        """Returns the text of a cell."""
        value = self.value(group, rate, method)
        return "-" if value is None else f"{value:{self.form}}"


class BatchNorm(Column):
    """The score with renewed batch-norm statistics, if that changes it."""

    def is_there(self, group):
        return any(
            run["batch_norm"] != run["pruned"]
            for run in group.runs
            if "batch_norm" in run
        )


class Compression(Column):
    """The compression: entries counted in `key` over non-zero entries."""

    def value(self, group, rate, method):
        ratios = [
            run[self.key] / (run[self.key] - run["zeros"])
            for run in group.at(rate, method)
            if "zeros" in run
        ]
        return statistics.mean(ratios) if ratios else None


class Epochs(Column):
    """The epoch whose hard-pruned score is within 0.5 points of dense."""

    def value(self, group, rate, method):
        reached = self._reached(group, rate, method)
        return None if None in reached else statistics.mean(reached)

    def text(self, group, rate, method):
        reached = self._reached(group, rate, method)
        found = sorted({epoch for epoch in reached if epoch})
        if not found:
            return "-"
        text = " to ".join(map(str, dict.fromkeys((found[0], found[-1]))))
        if None in reached:
            some = sum(epoch is not None for epoch in reached)
            text += f" ({some} of {len(reached)})"
        return text

    def _reached(self, group, rate, method):
        return [
            trial.epochs_to(run.get(self.key, []), run["dense"] - 0.5)
            for run in group.at(rate, method)
        ]


class Last(Column):
    """The last entry of a list."""

    def value(self, group, rate, method):
        lists = group.values(rate, method, self.key)
        return statistics.mean(v[-1] for v in lists) if lists else None


COLUMNS = (
    Column("dense", "dense", best=None),
    Column("pruned", "pruned"),
    BatchNorm("batch norm anew", "batch_norm"),
    Column("fine-tuned", "finetuned"),
    Compression("pruned layers", "entries", ".1f"),
    Compression("whole model", "parameters", ".1f"),
    Epochs("epochs to dense - 0.5", "pruned_by_epoch", best=min),
    Last("residual", "residual", ".4f", best=None),
    Column("seconds", "seconds", ".0f", best=min),
)
