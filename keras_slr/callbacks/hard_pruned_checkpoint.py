"""Checkpoints of the hard-pruned weights."""

import os
from typing import Any

from keras_slr.callbacks.callback_lists import callbacks_of_fit
from keras_slr.callbacks.hard_pruned_metrics import PREFIX
from keras_slr.callbacks.training_callback import TrainingCallback
from keras_slr.checkpoints.state_in_optimizer import carrier_of
from keras_slr.checkpoints.state_in_optimizer import without_carrier
from keras_slr.keras_internals.callbacks import OverridableModelCheckpoint
from keras_slr.keras_internals.callbacks import unsynced_model
from keras_slr.training.hard_pruned import hard_pruned
from keras_slr.training.run import Run


class HardPrunedCheckpoint(OverridableModelCheckpoint):
    """Saves the pruned model in the middle of a run, with its zeros.

    ```python
    slr = keras_slr.SLRCallback(0.9, monitor_hard_pruned=True)
    best = keras_slr.HardPrunedCheckpoint(
        "best.keras", monitor="val_hard_accuracy", save_best_only=True
    )
    model.fit(x, y, validation_data=val, epochs=10, callbacks=[slr, best])
    ```

    A `ModelCheckpoint` that saves the weights as hard pruning would leave
    them at that moment, with the zeros with which `val_hard_...` was measured.
    Training continues with the unpruned weights. The files are written
    atomically and load as plain models. To resume a run, use
    `BackupAndRestore` or a plain `ModelCheckpoint`, which save its state. List
    this callback behind the pruning callback.

    Args:
        filepath: See `keras.callbacks.ModelCheckpoint`.
        monitor: Name of a metric. Defaults to `"val_hard_loss"`.
        **kwargs: Other arguments of `keras.callbacks.ModelCheckpoint`. With
            `mode="auto"`, `val_hard_x` has the direction of `val_x`.

    Raises:
        ValueError: If `fit` has no pruning callback, or one that does not
            log the monitored metric.
    """

    def __init__(
        self,
        filepath: str | os.PathLike,
        monitor: str = "val_hard_loss",
        **kwargs: Any,
    ):
        super().__init__(filepath, monitor, **kwargs)

    def on_train_begin(self, logs=None):
        pruning = [
            callback
            for callback in callbacks_of_fit(self)
            if isinstance(callback, TrainingCallback)
        ]
        if not pruning and carrier_of(unsynced_model(self).optimizer) is None:
            raise ValueError(
                "Expected a pruning callback in the same fit. Received "
                "HardPrunedCheckpoint without one: list "
                "`keras_slr.SLRCallback(...)` before it."
            )

    def _choose_direction(self):
        monitor = self.monitor
        self.monitor = monitor.replace(PREFIX, "val_", 1)
        try:
            super()._choose_direction()
        except ValueError:
            raise ValueError(
                "Expected a metric whose direction Keras knows. Received "
                f"HardPrunedCheckpoint with monitor={monitor!r}: correct the "
                "name, or pass `mode='min'` or `mode='max'`."
            ) from None
        finally:
            self.monitor = monitor

    def _write(self, epoch, batch, logs):
        # In fine-tuning, after the run, the weights have their zeros.
        run = Run.of(self.model)
        with without_carrier(self.model.optimizer):
            if run is None:
                super()._write(epoch, batch, logs)
                return
            with hard_pruned(run):
                super()._write(epoch, batch, logs)
