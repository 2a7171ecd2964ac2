"""What callbacks of Keras do without saying so, and where to hook in."""

import keras


def unsynced_model(callback):
    """Returns the model of a callback, or `None` before `set_model`.

    On JAX the attribute `callback.model` also writes the state of a running
    epoch into the model's variables. This does not.
    """
    return callback._model


def runs_in_threads(callbacks):
    """Returns whether a `CallbackList` calls batch ends from threads."""
    return callbacks._async_train


def run_batch_hooks_in_order(callbacks):
    """Makes a `CallbackList` call its batch hooks from the main thread."""
    callbacks._async_train = False


def holds_averages(swap):
    """Returns whether a `SwapEMAWeights` has put the averages in the model."""
    return swap._ema_weights_in_model


class OverridableModelCheckpoint(keras.callbacks.ModelCheckpoint):
    """Keras's `ModelCheckpoint`, with methods that subclasses may override."""

    def _write(self, epoch, batch, logs):
        """Writes a file if it is time, see `ModelCheckpoint`."""
        super()._save_model(epoch, batch, logs)

    def _choose_direction(self):
        """Finds out whether more or less of what is monitored is better."""
        super()._set_monitor_op()

    def _save_model(self, epoch, batch, logs):
        self._write(epoch, batch, logs)

    def _set_monitor_op(self):
        self._choose_direction()


class OverridableBackupAndRestore(keras.callbacks.BackupAndRestore):
    """Keras's `BackupAndRestore`, with a method that subclasses may override.

    Attributes:
        metadata_path: String, the file with the epoch of the backup.
    """

    @property
    def metadata_path(self) -> str:
        return self._training_metadata_path

    @metadata_path.setter
    def metadata_path(self, path):
        self._training_metadata_path = path

    def _write(self):
        """Writes the weights, then the epoch to `metadata_path`."""
        super()._save_model()

    def _save_model(self):
        self._write()
