"""What a run writes into the logs of an epoch."""

import dataclasses

from keras_slr.training.figures import figures_of

# What the progress bar shows at the end of an epoch; the rest of the keys go
# to History, CSVLogger, TensorBoard and every other reader of the logs.
_ON_THE_BAR = ("sparsity", "residual")


class EpochLogs:
    """The figures of a run and the states of its solver in one epoch.

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
        """Takes in the state of the solver after a dual update."""
        if not self._updated:
            self._states, self._updated = [], True
        self._states.append(state)

    def see(self, run):
        """Takes in the figures of a `training.run.Run` at this moment."""
        self._figures = figures_of(run.split)
        self._states = self._states or [run.state]

    def see_pruned(self, sparsity):
        """Takes in the share of zeros after the weights were pruned."""
        self._figures = dataclasses.replace(self._figures, sparsity=sparsity)

    def write(self, logs):
        """Adds the figures, once there are some."""
        if self._figures is None:
            return
        of_epoch = dataclasses.asdict(self._figures) | self._solver.logs(
            self._states
        )
        for name, value in of_epoch.items():
            logs[f"{self._solver.prefix}_{name}"] = value

    def shorten_bar(self, epoch, logs=None):
        """Leaves what the progress bar is to show."""
        prefix = self._solver.prefix
        shown = [f"{prefix}_{name}" for name in _ON_THE_BAR]
        for key in list(logs or {}):
            if key.startswith(f"{prefix}_") and key not in shown:
                del logs[key]
