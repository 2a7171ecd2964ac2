"""Step counting: the progress of a run, and when dual updates are due."""

import numbers
from typing import Literal
from typing import TypeAlias

import numpy as np

from keras_slr.training.epochs import Epochs

UpdateEvery: TypeAlias = int | float | Literal["epoch"] | None

# Dual updates in a run: their number matters, not the steps between them.
UPDATES = 150
# Steps between updates while the length of an epoch is not known.
UNKNOWN_INTERVAL = 30
EPOCH = "epoch"
# Steps at which a learning-rate schedule is evaluated for its integral.
_READINGS = 129


def check_update_every(update_every):
    """Raises a `ValueError` unless `update_every` is valid.

    Args:
        update_every: `None` for about 150 updates a run, a positive integer
            of steps, a float in `(0, 1)` as a fraction of the run, or
            `"epoch"`.
    """
    if update_every is None or update_every == EPOCH:
        return
    whole = isinstance(update_every, numbers.Integral)
    if whole and update_every > 0 and not isinstance(update_every, bool):
        return
    real = isinstance(update_every, numbers.Real)
    if real and 0 < update_every < 1:
        return
    raise ValueError(
        "Expected `update_every` to be a positive number of steps, a fraction "
        "of the run in (0, 1), 'epoch' or None. Received: update_every="
        f"{update_every!r}."
    )


def check_total_steps(total):
    """Raises a `ValueError` unless `total` is a number of steps or `None`."""
    whole = isinstance(total, numbers.Integral) and not isinstance(total, bool)
    if total is not None and not (whole and total > 0):
        raise ValueError(
            "Expected `total_steps` to be a positive integer. Received: "
            f"total_steps={total!r}."
        )


class Clock:
    """Counts the steps of a run.

    Args:
        update_every: See `check_update_every`.

    Attributes:
        step: Integer, steps done.
        total: Integer, steps of the whole run, or `None` if not known yet.
        epochs: `Epochs` of the run.
        learning_rate: Function that returns the learning rate at a step of
            the run, or `None` if it is not known beforehand.
        ahead: Integer, steps trained but not counted yet: another callback
            may save a checkpoint before a step is counted.
        seen: Integer, steps whose end every callback has seen.
    """

    def __init__(self, update_every):
        self._update_every = update_every
        self._learned = None
        self.learning_rate = None
        self.epochs = Epochs()
        self.step = 0
        self.ahead = 0
        self.seen = 0
        self.total = None

    def set_length(self, total):
        """Sets the steps of the run, `None` if they are not known yet.

        Raises:
            ValueError: If the run ends before its first dual update.
        """
        self.total = total
        self._learned = None
        if total is not None and self.interval > total:
            raise ValueError(
                "Expected a run of at least one dual update. Received "
                f"{total} training steps with an update every {self.interval}"
                " steps: train longer or lower `update_every`."
            )

    @property
    def interval(self):
        """Steps from one dual update to the next."""
        every = self._update_every
        if every == EPOCH:
            length = round(self.epochs.length or 0)
            return length or self.total or UNKNOWN_INTERVAL
        if isinstance(every, numbers.Integral):
            return int(every)
        if self.total is None:
            return UNKNOWN_INTERVAL
        return max(round(self.total * (every or 1.0 / UPDATES)), 1)

    @property
    def progress(self):
        """Fraction of the run done; zero while its length is not known."""
        if not self.total:
            return 0.0
        return min(self.step / self.total, 1.0)

    @property
    def learned(self):
        """Fraction of the run's learning rates spent, see `progress`.

        It is the sum of the learning rates so far over that of the whole run.
        A constant rate, or one not known beforehand, spends the same in every
        step.
        """
        return self._learned_at(self.step)

    @property
    def learning(self):
        """Fraction of the learning rates spent until the next dual update.

        It covers `interval` steps. Zero while the run's length is not known.
        """
        return self._learned_at(self.step + self.interval) - self.learned

    def _learned_at(self, step):
        if not self.total:
            return 0.0
        if self.learning_rate is None:
            return min(step / self.total, 1.0)
        if self._learned is None:
            self._learned = _integral(self.learning_rate, self.total)
        return float(np.interp(step, *self._learned))

    @property
    def state(self):
        """Dict of integers, the position in the run."""
        own = {"step": self.step, "ahead": self.ahead, "seen": self.seen}
        return own | self.epochs.state

    @state.setter
    def state(self, state):
        self.step = int(state["step"])
        # Files of earlier versions lack the other keys.
        self.ahead = int(state.get("ahead", 0))
        self.seen = int(state.get("seen", self.trained))
        self.epochs.state = state

    @property
    def trained(self):
        """Steps trained, including those not counted yet."""
        return self.step + self.ahead

    @property
    def finished(self):
        return self.total is not None and self.step >= self.total

    def advance_to(self, step):
        """Moves on to `step` steps done.

        Returns:
            Whether a dual update is due: the run has reached or passed a
            multiple of the interval, as several steps may be done at once.
        """
        before, self.step, self.ahead = self.step, step, 0
        if self._waits_for_epochs:
            return self._ends_epoch(step) and not self._ends_epoch(before)
        return step // self.interval > before // self.interval

    def epoch_to_begin(self, epoch):
        """Returns the epoch to resume with after a checkpoint was loaded.

        Args:
            epoch: Integer, the epoch written beside the checkpoint, used if
                the checkpoint has none. It may belong to an earlier
                checkpoint, if a kill came between the two files, or be stale
                after an earlier kill.
        """
        if self.epochs.first is None:
            return epoch
        return self.epochs.to_begin(self.trained, self.seen)

    def expect(self, batch, count):
        """Notes that one call is about to train on some batches.

        Args:
            batch: Integer, the first of them, as `fit` counts in an epoch.
            count: Integer, their largest possible number.
        """
        last = self.epochs.done(batch + count - 1)
        if self.epochs.begun + batch >= self.trained:
            self.ahead = last - batch

    def see(self, batch):
        """Notes that every callback has seen the end of a batch."""
        # Batches that are skipped after a restart were seen before.
        done = self.epochs.begun + self.epochs.done(batch)
        self.seen = min(done, self.step)

    def enter(self, epoch, announced, until):
        """Begins the first epoch of a `fit`, see `Epochs.enter`.

        Args:
            epoch: Integer, as `fit` counts.
            announced: Integer, steps of an epoch, or `None` if unknown.
            until: Integer, the first epoch after the run.
        """
        behind = self.epochs.enter(epoch, announced, self.trained, self.seen)
        self.epochs.count = until - self.epochs.first
        return behind

    def end_epoch(self, whole=True):
        """Ends an epoch of `fit` and updates the expected length of the run.

        Args:
            whole: Boolean, whether the epoch was not stopped early. Defaults
                to `True`.

        Returns:
            Whether a dual update at the end of the epoch is due: its last
            step was not known beforehand.

        Raises:
            ValueError: If the run ends before its first dual update.
        """
        due = self._waits_for_epochs and not self._ends_epoch(self.step)
        if self.step == self.epochs.begun:
            return False  # There was no data.
        last = self.epochs.is_last
        self.epochs.end(self.step)
        if whole and not last and self.epochs.total != self.total:
            self.set_length(self.epochs.total)
        return due

    @property
    def _waits_for_epochs(self):
        return self._update_every == EPOCH and self.epochs.count is not None

    def _ends_epoch(self, step):
        """Returns whether an epoch as long as expected is over."""
        length = round(self.epochs.length or 0)
        return 0 < length <= step - self.epochs.begun


def _integral(rate, total):
    """Returns steps of a run and the share of its rates spent before them."""
    steps = np.unique(np.linspace(0, total, _READINGS).astype(int))
    # A schedule need not be defined beyond the last step.
    rates = np.array([rate(min(int(step), total - 1)) for step in steps])
    spent = np.cumsum((rates[1:] + rates[:-1]) * np.diff(steps))
    if not spent[-1] > 0.0:
        return steps, steps / total
    return steps, np.append(0.0, spent / spent[-1])
