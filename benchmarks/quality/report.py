"""The `README.md` of a folder of results."""

import itertools

from benchmarks.quality import plots
from benchmarks.quality import records
from benchmarks.quality import results
from benchmarks.quality import table
from benchmarks.quality import verdict
from benchmarks.quality.method_settings import NAMES

HEADER = """# Quality

Test accuracy in percent, mean (lowest to highest) over seeds, hard-pruned and
**not retrained**. All methods start from the same dense weights and see the
same batches, steps and learning rates. `python -m benchmarks.quality` writes
this page.

In the tables, "batch norm anew" is the accuracy of the pruned model with
renewed batch-norm statistics, and "fine-tuned" that after masked training.
"Pruned layers" and "whole model" are compressions: all entries over non-zero
entries. The residual is that before the last step. The best value of a column
is bold. "Within the spread" means that the ranges of the two methods overlap.
"""
CASES = """# Robustness

SLR runs with its default arguments and `allocation="erk"` in cases that differ
in model, data, optimizer, learning rate and number of epochs. The settings of
the other methods were chosen for each case on validation data. Test accuracy in
percent (for `autoencoder` and `friedman`, the explained variance), mean (lowest
to highest) over seeds, hard-pruned and **not retrained**. The last column is
SLR minus the best other method. The data of `friedman` and
`sentence_convolutions` are generated; `missing_words` is real text, Tiny
Shakespeare.
`python -m benchmarks.quality --suite robustness` writes this page.

"""
DEFAULTS = """# Without arguments

Methods with "no arguments" run with their default arguments, and so do SLR and
one-shot pruning. Where there are others, their settings were chosen on
validation data. Test accuracy in percent (for `autoencoder` and `friedman`, the
explained variance), mean (lowest to highest) over seeds, hard-pruned and **not
retrained**. The last column is SLR minus the best other method.
`python -m benchmarks.quality --suite defaults` writes this page.

"""
ABLATION = """# Ablation

SLR with its default arguments and without one of its parts, and other methods
with their default arguments and in SLR's metric. Test accuracy in percent,
mean (lowest to highest) over seeds, hard-pruned and **not retrained**. The last
column is SLR minus the best other method.
`python -m benchmarks.quality --suite ablation` writes this page.

"""
TEACHER = """# A teacher

"With a teacher" means that the outputs of the dense model replace the labels
in training (`teacher="dense"`). All methods run with their default arguments.
Test accuracy in percent (for `autoencoder` and `friedman`, the explained
variance), mean (lowest to highest) over seeds, hard-pruned and **not
retrained**. The last column is SLR minus the best other method.
`python -m benchmarks.quality --suite teacher` writes this page.

"""
METHODS = """# All methods

Test accuracy in percent, mean (lowest to highest) over seeds, hard-pruned and
**not retrained**, after the same steps from the same dense weights. A column is
the share of all parameters that left. Settings were chosen on validation data.
`python -m benchmarks.quality --suite methods` writes this page.
"""
LENGTHS = """# Convergence

Test accuracy in percent, mean (lowest to highest) over seeds, hard-pruned and
**not retrained**. Each column is a separate run, whose schedules and learning
rates end with it. All runs start from the same dense weights and see the same
batches. `python -m benchmarks.quality --suite convergence` writes this page.
"""
FEW_EPOCHS = """# Few epochs

Test accuracy in percent, mean (lowest to highest) over seeds, hard-pruned and
**not retrained**. "Layer-wise" means that `prune_layerwise` pruned the dense
model before the run, on 1,024 training images. All runs start from the same
dense weights and see the same batches. The settings and learning rates of all
methods were chosen on validation data, in runs of one epoch at 90 %. At 80 %,
smaller learning rates are better, see the suite `start_and_teacher`.
`python -m benchmarks.quality --suite few_epochs` writes this page.
"""
START_AND_TEACHER = """# A start and a teacher

Test accuracy in percent, mean (lowest to highest) over seeds, hard-pruned and
**not retrained**. "Layer-wise" means that `prune_layerwise` pruned the dense
model before the run, on 1,024 training images. With a teacher, the outputs of
the dense model replace the labels in training. All runs start from the same
dense weights and see the same batches. The learning rates of all methods were
chosen at each rate on validation data, in runs of three epochs.
`python -m benchmarks.quality --suite start_and_teacher` writes this page.
"""
# The task of the plot in the project's README, with its fewest epochs.
FRONT = "lenet_300_100_mnist"
FRONT_TITLE = "LeNet-300-100 on MNIST, hard-pruned after {} epochs"


def render(folder):
    """Writes the tables and plots of all tasks."""
    groups = results.load(folder)
    parts = [HEADER]
    everything = [v for group in groups for v in verdict.verdicts(group)]
    if everything:
        first = sum(v.difference >= 0 for v in everything)
        parts.append(
            f"\nOver all tasks SLR is first in {first} of "
            f"{len(everything)} cells.\n"
        )
    for task, of_task in itertools.groupby(groups, lambda group: group.task):
        of_task = list(of_task)
        parts.append(f"\n## {task}\n\n{_settings(folder, task)}")
        for name in plots.draw(of_task, folder / task):
            parts.append(f"![{name}]({task}/{name})\n")
        parts += [_section(group) for group in of_task]
        if task == FRONT:
            title = FRONT_TITLE.format(of_task[0].epochs)
            plots.front(of_task[0], title, folder / "front.png")
    _write(folder, parts)


def render_cases(folder, title=CASES):
    """Writes one table with a row per task and rate."""
    groups = results.load(folder)
    methods = [m for m in NAMES if any(m in g.methods for g in groups)]
    rows, found = [], []
    for group in groups:
        for v in verdict.verdicts(group):
            found.append((v.difference, group, v))
            rows.append(_case(group, v, methods))
    header = ["case", "epochs", "rate", "dense"]
    header += [NAMES[method] for method in methods]
    parts = [title, table.rows_of([*header, "difference"], rows)]
    if found:
        first = sum(difference >= 0 for difference, _, _ in found)
        _, group, worst = min(found, key=lambda case: case[0])
        parts.append(
            f"\nSLR is first in {first} of {len(found)} cases. Worst case: "
            f"`{group.task}`, {worst}.\n"
        )
    _write(folder, parts)


def render_defaults(folder):
    """Writes one table of methods without arguments."""
    render_cases(folder, DEFAULTS)


def render_ablation(folder):
    """Writes one table of methods with and without their parts."""
    render_cases(folder, ABLATION)


def render_teacher(folder):
    """Writes one table of methods with and without a teacher."""
    render_cases(folder, TEACHER)


def render_lengths(folder):
    """Writes a table of scores over numbers of epochs for each task."""
    _render_by_task(
        folder,
        LENGTHS,
        lambda groups, rate: _lengths(groups, rate) + _needed(groups, rate),
    )


def render_few_epochs(folder, title=FEW_EPOCHS):
    """Writes a table of scores after few epochs for each task."""
    _render_by_task(
        folder,
        title,
        lambda groups, rate: _lengths(groups, rate) + "\n",
    )


def render_start_and_teacher(folder):
    """Writes a table of scores with a start and a teacher for each task."""
    render_few_epochs(folder, START_AND_TEACHER)


def render_methods(folder):
    """Writes a table of all methods for each task, a column for each rate."""
    groups = results.load(folder)
    parts = [METHODS]
    for group in groups:
        dense = sum(group.dense) / len(group.dense)
        parts.append(
            f"\n## {group.task}, {group.epochs} epochs\n\n"
            f"Dense {dense:.2f}, seeds {group.seeds}.\n\n{_by_rate(group)}"
        )
    _write(folder, parts)


def _by_rate(group):
    """Renders the score of each method at each rate."""
    methods = [m for m in NAMES if m in group.methods]
    columns = [
        table.bold_best(
            [_spread(group.values(rate, m)) for m in methods],
            [group.mean(rate, m) for m in methods],
        )
        for rate in group.rates
    ]
    header = ["method", *(table.percent(rate) for rate in group.rates)]
    rows = [[NAMES[m], *row] for m, *row in zip(methods, *columns)]
    return table.rows_of(header, rows)


def _render_by_task(folder, title, part):
    groups = results.load(folder)
    parts = [title]
    for task, of_task in itertools.groupby(groups, lambda group: group.task):
        of_task = list(of_task)
        parts.append(f"\n## {task}\n\n{_settings(folder, task)}")
        parts += [part(of_task, rate) for rate in of_task[0].rates]
    _write(folder, parts)


def _lengths(groups, rate):
    """Renders the score of each method after each number of epochs."""
    methods = [m for m in NAMES if any(g.at(rate, m) for g in groups)]
    columns = [
        table.bold_best(
            [_spread(g.values(rate, m)) for m in methods],
            [g.mean(rate, m) for m in methods],
        )
        for g in groups
    ]
    rows = [[NAMES[m], *row] for m, *row in zip(methods, *columns)]
    header = [f"epochs, {table.percent(rate)}"]
    header += [str(g.epochs) for g in groups]
    return table.rows_of(header, rows)


def _needed(groups, rate):
    """Says after how many epochs SLR matches other methods and dense."""
    lines = []
    longest = groups[-1]
    dense = sum(longest.dense) / len(longest.dense)
    for method in longest.methods:
        target = longest.mean(rate, method)
        if method != verdict.SLR:
            lines.append(
                f"{NAMES[method]} reaches {target:.2f} after {longest.epochs} "
                f"epochs; SLR reaches this {_after(groups, rate, target)}."
            )
    lines.append(
        f"The dense model has {dense:.2f}; SLR is within 0.5 points of it "
        f"{_after(groups, rate, dense - 0.5)}."
    )
    return "\n" + "\n".join(lines) + "\n"


def _after(groups, rate, target):
    for group in groups:
        if (group.mean(rate, verdict.SLR) or 0.0) >= target:
            return f"after {group.epochs}"
    return "after none of these"


def _case(group, v, methods):
    means = [group.mean(v.rate, method) for method in methods]
    texts = [_spread(group.values(v.rate, method)) for method in methods]
    return [
        f"`{group.task}`",
        str(group.epochs),
        table.percent(v.rate),
        f"{sum(group.dense) / len(group.dense):.2f}",
        *table.bold_best(texts, means),
        f"{v.difference:+.2f}, {v.spread}",
    ]


def _spread(values):
    return table.spread(values) if values else ""


def _section(group):
    incomplete = [
        f" At {table.percent(rate)} {len(there)} of {len(group.methods)} "
        "methods have run."
        for rate in group.rates
        if len(there := [m for m in group.methods if group.at(rate, m)])
        < len(group.methods)
    ]
    return (
        f"\n### {group.task}, {group.epochs} epochs\n\n"
        f"Dense {table.spread(group.dense)}, seeds {group.seeds}. "
        f"{verdict.summary(verdict.verdicts(group))}{''.join(incomplete)}\n\n"
        f"{table.scores(group)}\n{table.details(group)}"
    )


def _settings(folder, task):
    """Lists the settings that were chosen for a task."""
    choices = records.read(folder, records.CHOSEN)
    lines = []
    for method, name in NAMES.items():
        choice = choices.get((task, method))
        if choice:
            setting = choice["settings"][choice["chosen"]]
            lines.append(f"- {name}: `{setting}`\n")
    if not lines:
        return ""
    return f"Chosen on validation data:\n\n{''.join(lines)}\n"


def _write(folder, parts):
    path = folder / "README.md"
    path.write_text("".join(parts))
    print(f"wrote {path}")
