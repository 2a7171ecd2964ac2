"""Where a `fit` is in a pruning run: its steps and epochs, and resuming."""

from keras_slr.checkpoints.random_states import RandomStates
from keras_slr.checkpoints.running_metrics import RunningMetrics
from keras_slr.checkpoints.skipped_batches import SkippedBatches
from keras_slr.keras_internals.models import initial_epoch
from keras_slr.keras_internals.models import set_initial_epoch


class FitProgress:
    """Follows the clock of a run through the hooks of a `fit`.

    Args:
        pruner: `SLRPruner`; its clock and its loss window are kept up to date.

    Attributes:
        epoch: Integer, the current epoch as `fit` counts, or `None` before
            the first one.
        pruned: Boolean, whether the weights have been hard-pruned.
        model: Keras model of the run, or `None` before `begin_run`.
    """

    def __init__(self, pruner):
        self.epoch = None
        self.pruned = False
        self.model = None
        self._pruner = pruner
        self._metrics = None
        self._random = None
        # Steps that were trained before this `fit`.
        self._trained_before = 0

    @property
    def clock(self):
        """`training.clock.Clock` of the run."""
        return self._pruner.clock

    def begin_run(self, model):
        """Adds the metrics and the random states to the checkpoints."""
        self.model = model
        self._metrics = RunningMetrics(model)
        self._random = RandomStates(model)
        self._pruner.position |= {
            "metric": self._metrics,
            "random": self._random,
        }

    def begin_fit(self):
        """Notes the steps before `fit`: more of them show a restored run."""
        self._trained_before = self.clock.trained

    def choose_epoch(self, logs=None):
        """Makes `fit` continue with the epoch that a checkpoint was saved in.

        Call it after all callbacks have restored what they restore.
        """
        if not self._pruner.attached:
            return
        # A kill may have come before the epoch was first written.
        restored = self.clock.trained != self._trained_before
        epoch = initial_epoch(self.model)
        if restored or epoch is not None:
            set_initial_epoch(self.model, self.clock.epoch_to_begin(epoch))

    @property
    def entered(self):
        """Whether the first epoch of the `fit` has begun."""
        return self.clock.epochs.count is not None

    def enter(self, params, finetune_epochs):
        """Begins the first epoch of a `fit`.

        Args:
            params: Dict, the `params` of the callback.
            finetune_epochs: Integer, epochs of fine-tuning at the end.

        Returns:
            Integer, the steps of this epoch that a checkpoint has behind it.
        """
        until = params["epochs"] - finetune_epochs
        return self.clock.enter(self.epoch, params.get("steps"), until)

    def set_length(self, params, finetune_epochs):
        """Sets the length of the run from its epochs, see `enter`.

        Raises:
            ValueError: If no epoch is left for pruning, or the run ends
                before its first dual update.
        """
        epochs = self.clock.epochs
        if epochs.count < 1:
            raise ValueError(
                "Expected at least one epoch of pruning. Received "
                f"finetune_epochs={finetune_epochs} in a fit from epoch "
                f"{epochs.first} to {params['epochs']}."
            )
        self.clock.set_length(epochs.total)

    def skip(self, batches):
        """Skips the first batches of the epoch, zero or more."""
        if batches:
            SkippedBatches(
                self.model, batches, self._metrics, self._random
            ).attach()
        else:
            self._begin_epoch()

    def begin_epoch(self):
        """Begins another epoch than the first."""
        self.clock.epochs.begin(self.epoch, self.clock.step)
        self._begin_epoch()

    def _begin_epoch(self):
        self._pruner.window.begin_epoch()
        self._random.begin_epoch()

    def expect(self, batch):
        """Notes that training on a batch, or on several, is about to begin.

        Another callback may save a checkpoint of these steps before they are
        counted.
        """
        self.clock.expect(batch, self.model.steps_per_execution)

    def advance(self, batch, logs, by_hand):
        """Counts the steps up to a batch of the epoch.

        Args:
            batch: Integer, the last batch that was trained on.
            logs: Dict, the logs of the batch, or `None`.
            by_hand: Boolean, whether a loop around `train_on_batch` trains.

        Returns:
            Boolean, whether a dual update is due.
        """
        clock = self.clock
        done = clock.epochs.done(batch)
        step = clock.epochs.begun + done
        if step > clock.step and logs and "loss" in logs:
            if by_hand:
                # `train_on_batch` resets the metrics.
                self._pruner.window.add(logs["loss"])
            else:
                self._pruner.window.observe(logs["loss"], done)
        return clock.advance_to(step)

    def is_behind(self, batch):
        """Returns whether the checkpoint was saved after this batch."""
        epochs = self.clock.epochs
        return epochs.begun + epochs.done(batch) < self.clock.step

    def see_batch(self, batch, logs=None):
        """Notes that every callback has seen the end of a batch."""
        self.clock.see(batch)

    @property
    def is_at_end(self):
        """Whether the last step of the run is done."""
        return self.clock.finished and self.clock.epochs.is_last

    @property
    def ends_with_epoch(self):
        """Whether the run ends with the epoch that has just ended."""
        return (
            self._pruner.attached
            and not self.pruned
            and not self.model.stop_training
            and self.clock.epochs.is_last
        )

    def end_epoch(self):
        """Ends an epoch; returns whether a dual update is due with it."""
        self._pruner.window.read()
        return self.clock.end_epoch(whole=not self.model.stop_training)
