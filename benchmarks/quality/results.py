"""The runs of a folder, grouped."""

import collections
import dataclasses
import json
import statistics

from benchmarks.quality.methods import NAMES


@dataclasses.dataclass(frozen=True)
class Group:
    """The runs of one length on one task.

    Attributes:
        task: String.
        epochs: Integer.
        cells: Dict from pairs of a rate and a method to lists of runs.
    """

    task: str
    epochs: int
    cells: dict

    @property
    def rates(self):
        """The rates in ascending order."""
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
        """What the dense weights give, one number a seed."""
        return list({run["seed"]: run["dense"] for run in self.runs}.values())

    def at(self, rate, method):
        """Returns a list of runs, empty if there is none."""
        return self.cells.get((rate, method), [])

    def values(self, rate, method, key="pruned"):
        """Returns what is noted under a key, of the runs that have it."""
        return [run[key] for run in self.at(rate, method) if key in run]

    def by_seed(self, rate, method):
        """Returns a dict from seeds to scores."""
        return {run["seed"]: run["pruned"] for run in self.at(rate, method)}

    def mean(self, rate, method, key="pruned"):
        """Returns the mean of `values`, `None` if there is none."""
        values = self.values(rate, method, key)
        return statistics.mean(values) if values else None


def load(folder):
    """Returns the `Group`s of a folder, sorted by task and length."""
    groups = collections.defaultdict(lambda: collections.defaultdict(list))
    for path in sorted(folder.glob("*/*.json")):
        run = json.loads(path.read_text())
        cells = groups[run["task"], run["epochs"]]
        cells[run["rate"], run["method"]].append(run)
    return [Group(*key, dict(groups[key])) for key in sorted(groups)]
