"""The mean task loss since the last dual update."""

import math


class LossWindow:
    """Computes means over a window from running means over an epoch.

    Keras's own `train_step` reports its loss as a running mean. If that of the
    user reports the loss of the batch instead, condition 1 of the solver
    becomes random, which costs little.
    """

    def __init__(self):
        self.total = 0.0
        self.steps = 0
        self._epoch_total = 0.0
        self._epoch_steps = 0

    @property
    def state(self):
        """Dict of floats, the content of the window."""
        return {
            "total": self.total,
            "steps": self.steps,
            "epoch_total": self._epoch_total,
            "epoch_steps": self._epoch_steps,
        }

    @state.setter
    def state(self, state):
        self.total = float(state["total"])
        self.steps = int(state["steps"])
        # Files of earlier versions lack the other keys.
        self._epoch_total = float(state.get("epoch_total", 0.0))
        self._epoch_steps = int(state.get("epoch_steps", 0))

    def begin_epoch(self):
        self._epoch_total = 0.0
        self._epoch_steps = 0

    def observe(self, running_mean, steps):
        """Adds the mean loss over the first `steps` steps of the epoch."""
        total = running_mean * steps
        self.total += total - self._epoch_total
        self.steps += steps - self._epoch_steps
        self._epoch_total = total
        self._epoch_steps = steps

    def add(self, loss):
        """Adds the loss of one step."""
        self.total += loss
        self.steps += 1

    def take(self):
        """Returns the mean of the window, `nan` if empty, and empties it."""
        mean = self.total / self.steps if self.steps else math.nan
        self.total, self.steps = 0.0, 0
        return mean
