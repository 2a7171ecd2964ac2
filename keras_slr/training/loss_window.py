"""The mean task loss since the last dual update."""

import math

from keras_slr import backend


class LossWindow:
    """Computes means over a window from running means over an epoch.

    Losses are read when they are needed: to read one means to wait for the
    step that computes it.

    Keras's own `train_step` reports its loss as a running mean. If that of the
    user reports the loss of the batch instead, condition 1 of the solver
    becomes random, which costs little.
    """

    def __init__(self):
        self._total = 0.0
        self._steps = 0
        self._epoch_total = 0.0
        self._epoch_steps = 0
        self._unread_mean = None
        self._unread_losses = []

    @property
    def state(self):
        """Dict of floats, the content of the window."""
        self.read()
        return {
            "total": self._total,
            "steps": self._steps,
            "epoch_total": self._epoch_total,
            "epoch_steps": self._epoch_steps,
        }

    @state.setter
    def state(self, state):
        self._total = float(state["total"])
        self._steps = int(state["steps"])
        # Files of earlier versions lack the other keys.
        self._epoch_total = float(state.get("epoch_total", 0.0))
        self._epoch_steps = int(state.get("epoch_steps", 0))
        self._unread_mean = None
        self._unread_losses = []

    def begin_epoch(self):
        self.read()
        self._epoch_total = 0.0
        self._epoch_steps = 0

    def observe(self, running_mean, steps):
        """Adds the mean loss over the first `steps` steps of the epoch.

        Args:
            running_mean: Float or scalar tensor.
            steps: Integer.
        """
        # A later mean of the same epoch covers the steps of this one.
        self._unread_mean = backend.detached(running_mean), steps

    def add(self, loss):
        """Adds the loss of one step, a float or a scalar tensor."""
        self._unread_losses.append(backend.detached(loss))

    def read(self):
        """Reads the losses that were added, and waits for them."""
        if self._unread_mean is not None:
            mean, steps = self._unread_mean
            self._unread_mean = None
            total = float(mean) * steps
            self._total += total - self._epoch_total
            self._steps += steps - self._epoch_steps
            self._epoch_total = total
            self._epoch_steps = steps
        losses, self._unread_losses = self._unread_losses, []
        for loss in losses:
            self._total += float(loss)
            self._steps += 1

    def take(self):
        """Returns the mean of the window, `nan` if empty, and empties it."""
        self.read()
        mean = self._total / self._steps if self._steps else math.nan
        self._total, self._steps = 0.0, 0
        return mean
