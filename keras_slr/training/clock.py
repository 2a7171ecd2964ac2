"""When a run is where: its progress and the moments of its dual updates."""

import numbers

# Dual updates in a run: their number matters, not their distance in steps.
UPDATES = 150
# Steps between updates while the length of an epoch is not known yet.
UNKNOWN_INTERVAL = 30
EPOCH = "epoch"


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
    """

    def __init__(self, update_every):
        self._update_every = update_every
        self.per_epoch = None
        self.step = 0
        self.total = None

    def set_length(self, total, per_epoch=None):
        """Sets the steps of the run and of an epoch.

        Raises:
            ValueError: If the run ends before its first dual update.
        """
        self.total = total
        self.per_epoch = per_epoch
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
    def finished(self):
        return self.total is not None and self.step >= self.total

    def advance_to(self, step):
        """Moves on to `step` steps done.

        Returns:
            Whether a dual update is due: a multiple of the interval was
            reached or passed, as several steps may be done at once.
        """
        before, self.step = self.step, step
        return step // self.interval > before // self.interval
