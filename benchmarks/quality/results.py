"""The runs of a folder, grouped by task and length."""

import collections
import dataclasses
import statistics

from benchmarks.quality import records
from benchmarks.quality.method_settings import NAMES


@dataclasses.dataclass(frozen=True)
class Group:
    """All runs of one task with the same number of epochs.

    Attributes:
        task: String.
        epochs: Integer.
        cells: Dict from pairs of a rate and a method to lists of runs, which
            are dicts.
    """

    task: str
    epochs: int
    cells: dict

    @property
    def rates(self):
        """The pruning rates in ascending order."""
        return sorted({rate for rate, _ in self.cells})

    @property
    def methods(self):
        """The methods in the order of `NAMES`."""
        found = {method for _, method in self.cells}
        return [method for method in NAMES if method in found]

    @property
    def runs(self):
        """All runs."""
        return [run for runs in self.cells.values() for run in runs]

    @property
    def seeds(self):
        """The seeds in ascending order."""
        return sorted({run["seed"] for run in self.runs})

    @property
    def dense(self):
        """The score of the dense model for each seed, a list."""
        return list({run["seed"]: run["dense"] for run in self.runs}.values())

    def at(self, rate, method):
        """Returns the list of runs of a cell, empty if there are none."""
        return self.cells.get((rate, method), [])

    def values(self, rate, method, key="pruned"):
        """Returns one value of each run of a cell that has this key."""
        return [run[key] for run in self.at(rate, method) if key in run]

    def by_seed(self, rate, method):
        """Returns a dict from the seeds of a cell to their scores."""
        return {run["seed"]: run["pruned"] for run in self.at(rate, method)}

    def mean(self, rate, method, key="pruned"):
        """Returns the mean of `values`, or `None` if there are none."""
        values = self.values(rate, method, key)
        return statistics.mean(values) if values else None


def load(folder):
    """Returns the `Group`s of a folder, sorted by task and length."""
    groups = collections.defaultdict(lambda: collections.defaultdict(list))
    for task in records.tasks(folder):
        for run in records.read(folder, task).values():
            cells = groups[run["task"], run["epochs"]]
            cells[run["rate"], run["method"]].append(run)
    return [Group(*key, dict(groups[key])) for key in sorted(groups)]
