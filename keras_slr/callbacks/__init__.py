"""Callbacks for `model.fit`: they only sequence, and write the logs."""

from keras_slr.callbacks.backup_and_restore import BackupAndRestore
from keras_slr.callbacks.hard_pruned_checkpoint import HardPrunedCheckpoint
from keras_slr.callbacks.pruning_callback import PruningCallback
from keras_slr.callbacks.rivals import ADMMCallback
from keras_slr.callbacks.rivals import GradualMagnitudeCallback
from keras_slr.callbacks.rivals import GRegCallback
from keras_slr.callbacks.rivals import OneShotMagnitudeCallback
from keras_slr.callbacks.slr_callback import SLRCallback

__all__ = [
    "ADMMCallback",
    "BackupAndRestore",
    "GRegCallback",
    "GradualMagnitudeCallback",
    "HardPrunedCheckpoint",
    "OneShotMagnitudeCallback",
    "PruningCallback",
    "SLRCallback",
]
