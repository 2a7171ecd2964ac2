"""Pruning for Keras 3 by Surrogate Lagrangian Relaxation."""

from keras_slr import schedules
from keras_slr.callbacks import SLRCallback
from keras_slr.hard_pruning import hard_prune
from keras_slr.pruner import SLRPruner
from keras_slr.report import Report
from keras_slr.report import report
from keras_slr.report import sparsity
from keras_slr.solvers import SLR
from keras_slr.training.masks import keep_masks
from keras_slr.training.slr_model import SLRModel
from keras_slr.training.slr_model import SLRTrainStep
from keras_slr.version import __version__

__all__ = [
    "SLR",
    "Report",
    "SLRCallback",
    "SLRModel",
    "SLRPruner",
    "SLRTrainStep",
    "__version__",
    "hard_prune",
    "keep_masks",
    "report",
    "schedules",
    "sparsity",
]
