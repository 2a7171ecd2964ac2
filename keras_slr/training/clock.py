"""When a run is where: its progress and the moments of its dual updates."""

import numbers

import numpy as np

# Dual updates in a run: their number matters, not their distance in steps.
UPDATES = 150
# Steps between updates while the length of an epoch is not known yet.
UNKNOWN_INTERVAL = 30
EPOCH = "epoch"
# Steps at which a schedule of learning rates is read, to sum it.
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
    if isinstance(update_every, numbers.Integral) and update_every > 0:
        return
    if isinstance(update_every, float) and 0 < update_every < 1:
        return
    raise ValueError(
        "Expected `update_every` to be a positive number of steps, a fraction "
        "of the run in (0, 1), 'epoch' or None. Received: update_every="
        f"{update_every!r}."
    )


class Clock:
    """Counts the steps of a run.

    Args:
        update_every: See `check_update_every`.

    Attributes:
        step: Integer, steps done.
        total: Integer, steps of the whole run, or `None` if not known yet.
        per_epoch: Integer, steps of an epoch, or `None` if not known.
        learning_rate: Function that returns the learning rate at a step of
            the run, or `None` if it is not known beforehand.
        first_epoch: Integer, the epoch of `fit` that the run began with, or
            `None` if not known.
        ahead: Integer, steps trained beyond those that are counted: other
            callbacks may save a checkpoint before a step is counted.
        seen: Integer, steps done that every callback has seen the end of.
    """

    def __init__(self, update_every):
        self._update_every = update_every
        self._learned = None
        self.learning_rate = None
        self.per_epoch = None
        self.first_epoch = None
        self.step = 0
        self.ahead = 0
        self.seen = 0
        self.total = None

    def set_length(self, total, per_epoch=None):
        """Sets the steps of the run and of an epoch.

        Raises:
            ValueError: If the run ends before its first dual update.
        """
        self.total = total
        self.per_epoch = per_epoch
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
            return self.per_epoch or self.total or UNKNOWN_INTERVAL
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

        The sum of the learning rates up to here over that of the run. A
        constant rate, or one that is not known beforehand, spends the same at
        every step.
        """
        return self._learned_at(self.step)

    @property
    def learning(self):
        """Fraction of the learning from here to the next dual update.

        That of `interval` steps, zero while the run's length is not known.
        """
        return self._learned_at(self.step + self.interval) - self.learned

    def learned_before_last(self, steps):
        """Returns the fraction of the learning before the last steps.

        Args:
            steps: Integer. One is returned while the run's length is not
                known.
        """
        if not self.total:
            return 1.0
        return self._learned_at(max(self.total - steps, 0))

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
        """Dict of integers, where in the run this is."""
        known = {"step": self.step, "ahead": self.ahead, "seen": self.seen}
        for name in ("per_epoch", "first_epoch"):
            if getattr(self, name) is not None:
                known[name] = getattr(self, name)
        return known

    @state.setter
    def state(self, state):
        self.step = int(state["step"])
        # Files of earlier versions lack the rest, or hold 0 for `None`.
        self.ahead = int(state.get("ahead", 0))
        self.seen = int(state.get("seen", self.trained))
        self.per_epoch = int(state.get("per_epoch", 0)) or None
        first = state.get("first_epoch")
        self.first_epoch = None if first is None else int(first)

    @property
    def trained(self):
        """Steps trained, those that are not counted yet among them."""
        return self.step + self.ahead

    def epoch_to_begin(self, epoch):
        """Returns the epoch to go on with after a checkpoint was loaded.

        Args:
            epoch: Integer, what is written beside the checkpoint, for a run
                that is not known to have an epoch behind it. It may be of an
                earlier checkpoint, if a kill came between the two, or not
                have counted on after an earlier kill.
        """
        if self.first_epoch is None or not self.per_epoch:
            return epoch
        whole, batches = divmod(self.trained, self.per_epoch)
        if whole and not batches and self.seen < self.trained:
            # Saved with the last batch of an epoch, whose end is to come.
            whole -= 1
        return self.first_epoch + whole

    def enter(self, epoch, per_epoch):
        """Begins the first epoch of a `fit`, maybe of a restored run.

        Args:
            epoch: Integer, as `fit` counts.
            per_epoch: Integer, steps of an epoch, or `None` if not known.

        Returns:
            Integer, the steps of this epoch that a checkpoint has behind it.
        """
        self.per_epoch = per_epoch or self.per_epoch
        if self.first_epoch is None:
            self.first_epoch = epoch
        before = (epoch - self.first_epoch) * (self.per_epoch or 0)
        behind = self.trained - before
        if self.per_epoch and not 0 <= behind <= self.per_epoch:
            # This `fit` counts its epochs otherwise than the one that saved.
            whole, behind = divmod(self.trained, self.per_epoch)
            self.first_epoch = epoch - whole
        return behind

    @property
    def finished(self):
        return self.total is not None and self.step >= self.total

    def advance_to(self, step):
        """Moves on to `step` steps done.

        Returns:
            Whether a dual update is due: a multiple of the interval was
            reached or passed, as several steps may be done at once.
        """
        before, self.step, self.ahead = self.step, step, 0
        return step // self.interval > before // self.interval


def _integral(rate, total):
    """Returns steps of a run and the share of its rates spent before them."""
    steps = np.unique(np.linspace(0, total, _READINGS).astype(int))
    # A schedule need not be defined beyond the last step.
    rates = np.array([rate(min(int(step), total - 1)) for step in steps])
    spent = np.cumsum((rates[1:] + rates[:-1]) * np.diff(steps))
    if not spent[-1] > 0.0:
        return steps, steps / total
    return steps, np.append(0.0, spent / spent[-1])
