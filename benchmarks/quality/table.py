"""The tables of the benchmark, from its files."""

import collections
import json
import statistics

from benchmarks.quality import trial
from benchmarks.quality.methods import NAMES

HEADER = """# Quality

Test accuracy in percent, mean (lowest to highest) over seeds, all methods
from the same dense weights, with the same batches, steps and learning rates,
hard-pruned and **not retrained**. Made by `python -m benchmarks.quality`.
"""


def load(folder):
    """Returns the results in a folder, by task, epochs, rate and method."""
    runs = collections.defaultdict(list)
    for path in sorted(folder.glob("*/*.json")):
        run = json.loads(path.read_text())
        key = run["task"], run["epochs"], run["rate"], run["method"]
        runs[key].append(run)
    return runs


def spread(values):
    """Returns the mean, and the range if there are several values."""
    text = f"{statistics.mean(values):.2f}"
    if len(values) > 1:
        text += f" ({min(values):.2f} to {max(values):.2f})"
    return text


def render(folder):
    """Writes `README.md` with a table per task and length of run."""
    runs = load(folder)
    parts = [HEADER]
    for task, epochs in sorted({key[:2] for key in runs}):
        rates = sorted({k[2] for k in runs if k[:2] == (task, epochs)})
        of_task = [r for k, rs in runs.items() if k[0] == task for r in rs]
        dense = {run["seed"]: run["dense"] for run in of_task}
        seeds = sorted({r["seed"] for r in of_task if r["epochs"] == epochs})
        parts.append(
            f"\n## {task}, {epochs} epochs\n\nDense "
            f"{spread(list(dense.values()))}, seeds {seeds}.\n\n"
            "| method | "
            + " | ".join(f"{100 * rate:g} %" for rate in rates)
            + " |\n|---|"
            + "---|" * len(rates)
            + "\n"
        )
        for method, name in NAMES.items():
            cells = [
                spread([run["pruned"] for run in found]) if found else ""
                for rate in rates
                for found in [runs.get((task, epochs, rate, method), [])]
            ]
            if any(cells):
                parts.append(f"| {name} | " + " | ".join(cells) + " |\n")
        parts.append(_further(runs, task, epochs, rates))
    path = folder / "README.md"
    path.write_text("".join(parts))
    print(f"wrote {path}")


def _further(runs, task, epochs, rates):
    """Renders what else was measured, at the highest rate."""
    rate = rates[-1]
    lines = [
        f"\nAt {100 * rate:g} %, means:\n\n| method | pruned | batch norm "
        "anew | fine-tuned | epochs to dense - 0.5 | residual before the last "
        "step | seconds |\n|---|---|---|---|---|---|---|\n"
    ]
    for method, name in NAMES.items():
        found = runs.get((task, epochs, rate, method))
        if not found:
            continue
        mean = {
            key: statistics.mean(run[key] for run in found)
            for key in ("pruned", "batch_norm", "finetuned", "seconds")
        }
        reached = [
            trial.epochs_to(run["pruned_by_epoch"], run["dense"] - 0.5)
            for run in found
        ]
        residual = statistics.mean(run["residual"][-1] for run in found)
        lines.append(
            f"| {name} | {mean['pruned']:.2f} | {mean['batch_norm']:.2f} | "
            f"{mean['finetuned']:.2f} | "
            f"{', '.join(str(r or '-') for r in reached)} | {residual:.4f} | "
            f"{mean['seconds']:.0f} |\n"
        )
    return "".join(lines)
