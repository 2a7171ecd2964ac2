"""Keras's `BackupAndRestore`, whose every file is whole after a kill."""

import os

from keras_slr.callbacks.callback_lists import run_in_order
from keras_slr.keras_internals import callbacks as internals
from keras_slr_base.atomic_file import atomic_file


class BackupAndRestore(internals.BackupAndRestore):
    """Backs up a run, so that one killed at any moment can be restored.

    The callback of Keras, with its arguments. That one writes the epoch into
    a file of its own, over the last one: a kill at that moment leaves it
    empty, and the next `fit` ends in a `JSONDecodeError`. This one puts it
    there in one step. The weights are written so by the pruning callback.
    """

    def on_train_begin(self, logs=None):
        run_in_order()
        super().on_train_begin(logs)

    def _write(self):
        os.makedirs(self.backup_dir, exist_ok=True)
        path = self.metadata_path
        with atomic_file(path) as made:
            self.metadata_path = str(made)
            try:
                super()._write()
            finally:
                self.metadata_path = path
