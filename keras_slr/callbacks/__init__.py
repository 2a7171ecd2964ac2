"""Callbacks for `model.fit`: they only sequence, and write the logs."""

from keras_slr.callbacks.admm_callback import ADMMCallback
from keras_slr.callbacks.backup_and_restore import BackupAndRestore
from keras_slr.callbacks.gradual_magnitude_callback import (
    GradualMagnitudeCallback,
)
from keras_slr.callbacks.greg_callback import GRegCallback
from keras_slr.callbacks.hard_pruned_checkpoint import HardPrunedCheckpoint
from keras_slr.callbacks.iterative_pruning_callback import (
    IterativePruningCallback,
)
from keras_slr.callbacks.learned_thresholds_callback import (
    LearnedThresholdsCallback,
)
from keras_slr.callbacks.one_shot_magnitude_callback import (
    OneShotMagnitudeCallback,
)
from keras_slr.callbacks.pruning_callback import PruningCallback
from keras_slr.callbacks.slr_callback import SLRCallback

__all__ = [
    "ADMMCallback",
    "BackupAndRestore",
    "GRegCallback",
    "GradualMagnitudeCallback",
    "HardPrunedCheckpoint",
    "IterativePruningCallback",
    "LearnedThresholdsCallback",
    "OneShotMagnitudeCallback",
    "PruningCallback",
    "SLRCallback",
]
