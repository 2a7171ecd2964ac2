"""The epoch of `fit` that a run is in, and the steps of its epochs.

`fit` announces the steps of an epoch, but the data may run out before, and
generators have no known length. The number shows when an epoch ends. Later
epochs are expected to be as long as the mean of those before.
"""


class Epochs:
    """Counts the epochs of a run.

    Attributes:
        count: Integer, epochs of the run, or `None` outside `fit`.
        announced: Integer, steps of an epoch that `fit` announces, or
            `None` if unknown.
        first: Integer, the epoch of `fit` that the run began with, or `None`
            before it began.
        current: Integer, the epoch of `fit` that the run is in.
        begun: Integer, steps of the run before the current epoch.
    """

    def __init__(self):
        self.count = None
        self.announced = None
        self.first = None
        self.current = None
        self.begun = 0

    @property
    def length(self):
        """Steps expected of an epoch, or `None` if unknown.

        The mean over the epochs that have ended, if there are any.
        """
        done = 0 if self.first is None else self.current - self.first
        return self.begun / done if done else self.announced

    @property
    def total(self):
        """Steps expected of the run, or `None` if unknown."""
        if not self.length or self.count is None:
            return None
        return round(self.length * self.count)

    @property
    def is_last(self):
        """Whether the current epoch is the last one of the run."""
        return (
            self.first is not None
            and self.count is not None
            and self.current - self.first >= self.count - 1
        )

    def enter(self, epoch, announced, trained, seen):
        """Begins the first epoch of a `fit`, maybe of a restored run.

        Args:
            epoch: Integer, as `fit` counts.
            announced: Integer, steps of an epoch, or `None` if unknown.
            trained: Integer, steps of the run that are done.
            seen: Integer, steps whose end every callback has seen.

        Returns:
            Integer, the steps of this epoch that a checkpoint has behind it.
        """
        if self.first is None:
            whole = trained // (announced or trained + 1)
            self.first, self.begun = epoch - whole, whole * (announced or 0)
        else:
            # This `fit` may number its epochs differently than the one that
            # saved the checkpoint.
            self.first += epoch - self.to_begin(trained, seen)
            if self._has_ended(trained, seen):
                self.begun = trained
        self.current = epoch
        self.announced = announced or self.announced
        return trained - self.begun

    def begin(self, epoch, step):
        """Begins an epoch, with `step` steps of the run done."""
        self.current, self.begun = epoch, step

    def end(self, step):
        """Ends the current epoch, with `step` steps of the run done."""
        if step > self.begun:
            self.begin(self.current + 1, step)

    def done(self, batch):
        """Returns the steps of the current epoch up to a batch of it.

        Args:
            batch: Integer, the last batch of one call; it may be beyond the
                end of the data.
        """
        return min(batch + 1, self.announced or batch + 1)

    def to_begin(self, trained, seen):
        """Returns the epoch to resume with after a checkpoint was loaded.

        Args:
            trained: See `enter`.
            seen: See `enter`.
        """
        return self.current + self._has_ended(trained, seen)

    def _has_ended(self, trained, seen):
        # A checkpoint saved in the last batch of an epoch, before all
        # callbacks have seen that batch, is still in that epoch.
        steps = trained - self.begun
        return 0 < (self.length or 0) <= steps and seen >= trained

    @property
    def state(self):
        """Dict of the integers that are known."""
        known = {
            "per_epoch": self.announced,
            "first_epoch": self.first,
            "epoch": self.current,
            "begun": self.begun,
        }
        return {name: n for name, n in known.items() if n is not None}

    @state.setter
    def state(self, state):
        # Files of earlier versions hold 0 for `None`.
        self.announced = int(state.get("per_epoch", 0)) or None
        first = state.get("first_epoch")
        self.first = None if first is None else int(first)
        if "epoch" in state:
            self.current = int(state["epoch"])
            self.begun = int(state["begun"])
        elif self.first is not None:
            self._derive(int(state["step"]) + int(state.get("ahead", 0)))

    def _derive(self, trained):
        """Computes the current epoch if all had the announced length."""
        length = self.announced or trained + 1
        whole = max(trained - 1, 0) // length
        self.current, self.begun = self.first + whole, whole * length
