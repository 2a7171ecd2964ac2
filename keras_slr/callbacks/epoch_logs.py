"""The values that a run adds to the logs of an epoch."""

import dataclasses

from keras_slr.training.figures import figures_of

# The keys on the progress bar at the end of an epoch. History, CSVLogger,
# TensorBoard and other readers of the logs get all keys.
_ON_THE_BAR = ("sparsity", "residual")


class EpochLogs:
    """Collects a run's figures and solver states in one epoch.

    Args:
        solver: `solvers.Solver`.

    Attributes:
        validated: Boolean, whether `fit` has validated in this epoch.
    """

    def __init__(self, solver):
        self.validated = False
        self._solver = solver
        self._figures = None
        self._states = []
        self._updated = False

    def begin_epoch(self):
        self.validated = False
        self._states = self._states[-1:]
        self._updated = False

    def see_update(self, state):
        """Adds the state of the solver after a dual update."""
        if not self._updated:
            self._states, self._updated = [], True
        self._states.append(state)

    def see(self, run):
        """Stores the present figures of a `training.run.Run`."""
        self._figures = figures_of(run.split)
        self._states = self._states or [run.state]

    def see_pruned(self, sparsity):
        """Stores the share of zeros after hard pruning."""
        self._figures = dataclasses.replace(self._figures, sparsity=sparsity)

    def write(self, logs):
        """Adds the figures to the logs, if there are some."""
        if self._figures is None:
            return
        of_epoch = dataclasses.asdict(self._figures) | self._solver.logs(
            self._states
        )
        for name, value in of_epoch.items():
            logs[f"{self._solver.prefix}_{name}"] = value

    def shorten_bar(self, epoch, logs=None):
        """Removes the keys that the progress bar does not show."""
        prefix = self._solver.prefix
        shown = [f"{prefix}_{name}" for name in _ON_THE_BAR]
        for key in list(logs or {}):
            if key.startswith(f"{prefix}_") and key not in shown:
                del logs[key]
