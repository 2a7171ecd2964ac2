"""Keras's `BackupAndRestore`, with atomic files."""

import os
import shutil

from keras_slr.callbacks.callback_lists import run_in_order
from keras_slr.keras_internals.callbacks import OverridableBackupAndRestore
from keras_slr_base.atomic_file import atomic_file


class BackupAndRestore(OverridableBackupAndRestore):
    """Backs up a run, which can then be restored after a kill at any moment.

    This is the callback of Keras, with the same arguments. Keras overwrites
    the file with the epoch: a kill at that moment leaves it empty, and the
    next `fit` raises a `JSONDecodeError`. This callback replaces the file
    atomically. The pruning callback does the same for the weights.
    """

    def on_train_begin(self, logs=None):
        run_in_order()
        super().on_train_begin(logs)

    def _write(self):
        os.makedirs(self.backup_dir, exist_ok=True)
        path = self.metadata_path
        with atomic_file(path) as made:
            # With `double_checkpoint`, Keras copies the file that it is about
            # to overwrite.
            if os.path.exists(path):
                shutil.copyfile(path, made)
            self.metadata_path = str(made)
            try:
                super()._write()
            finally:
                self.metadata_path = path
