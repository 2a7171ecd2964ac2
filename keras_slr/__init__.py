"""Pruning for Keras 3 by Surrogate Lagrangian Relaxation."""

# ruff: noqa: E402, I001 (the import of Keras comes first)
import importlib
import sys

from keras_slr.import_keras import import_keras

import_keras()

from keras_slr import reports
from keras_slr.files import file_size
from keras_slr import schedules
from keras_slr import scores
from keras_slr import shrinking
from keras_slr.batch_norm import renew_batch_norm
from keras_slr.planning.budget import Budget
from keras_slr.callbacks import ADMMCallback
from keras_slr.callbacks import BackupAndRestore
from keras_slr.callbacks import GradualMagnitudeCallback
from keras_slr.callbacks import GRegCallback
from keras_slr.callbacks import HardPrunedCheckpoint
from keras_slr.callbacks import IterativePruningCallback
from keras_slr.callbacks import LearnedThresholdsCallback
from keras_slr.callbacks import OneShotMagnitudeCallback
from keras_slr.callbacks import PruningCallback
from keras_slr.callbacks import SLRCallback
from keras_slr.grids import Binary
from keras_slr.grids import Grid
from keras_slr.grids import PowersOfTwo
from keras_slr.grids import Quantize
from keras_slr.grids import Ternary
from keras_slr.grids import register_grid
from keras_slr.hard_pruning import hard_prune
from keras_slr.layerwise.prune_layerwise import prune_layerwise
from keras_slr.layerwise.report import LayerwiseReport
from keras_slr.layerwise.solvers import LayerSolver
from keras_slr.layerwise.solvers import register_layer_solver
from keras_slr.merging.merge_units import merge_units
from keras_slr.planning.plan import Plan
from keras_slr.pruner import SLRPruner
from keras_slr.reordering.reorder_units import reorder_units
from keras_slr.reordering.report import ReorderReport
from keras_slr.reports import Report
from keras_slr.reports import Sensitivity
from keras_slr.reports import SummaryDiff
from keras_slr.reports import macs
from keras_slr.reports import report
from keras_slr.reports import sensitivity
from keras_slr.reports import sparsity
from keras_slr.reports import summary_diff
from keras_slr.scores.registry import register_score
from keras_slr.scores.score import Score
from keras_slr.shrinking import ShrinkReport
from keras_slr.shrinking import dependency_groups
from keras_slr.shrinking import fold_batch_norm
from keras_slr.shrinking import shrink
from keras_slr.shrinking import shrink_report
from keras_slr.solvers import ADMM
from keras_slr.solvers import SLR
from keras_slr.solvers import GradualMagnitude
from keras_slr.solvers import GReg
from keras_slr.solvers import IterativePruning
from keras_slr.solvers import LearnedThresholds
from keras_slr.solvers import OneShotMagnitude
from keras_slr.solvers import Solver
from keras_slr.solvers import register_solver
from keras_slr.structures import NM
from keras_slr.structures import Block
from keras_slr.structures import Channel
from keras_slr.structures import Column
from keras_slr.structures import Filter
from keras_slr.structures import Heads
from keras_slr.structures import Kernel
from keras_slr.structures import Pattern
from keras_slr.structures import Structure
from keras_slr.structures import Unstructured
from keras_slr.structures import register_structure
from keras_slr.training.masks import keep_masks
from keras_slr.training.slr_model import SLRModel
from keras_slr.training.slr_model import SLRTrainStep
from keras_slr.version import __version__

__all__ = [
    "ADMM",
    "NM",
    "SLR",
    "ADMMCallback",
    "BackupAndRestore",
    "Binary",
    "Block",
    "Budget",
    "Channel",
    "Column",
    "Filter",
    "GReg",
    "GRegCallback",
    "GradualMagnitude",
    "GradualMagnitudeCallback",
    "Grid",
    "HardPrunedCheckpoint",
    "Heads",
    "Kernel",
    "IterativePruning",
    "IterativePruningCallback",
    "LayerSolver",
    "LayerwiseReport",
    "LearnedThresholds",
    "LearnedThresholdsCallback",
    "OneShotMagnitude",
    "OneShotMagnitudeCallback",
    "Pattern",
    "Plan",
    "PowersOfTwo",
    "PruningCallback",
    "ReorderReport",
    "Quantize",
    "Report",
    "SLRCallback",
    "SLRModel",
    "SLRPruner",
    "SLRTrainStep",
    "Score",
    "Sensitivity",
    "ShrinkReport",
    "Solver",
    "Structure",
    "SummaryDiff",
    "Ternary",
    "Unstructured",
    "__version__",
    "dependency_groups",
    "fold_batch_norm",
    "hard_prune",
    "keep_masks",
    "macs",
    "merge_units",
    "prune_layerwise",
    "register_grid",
    "register_layer_solver",
    "register_score",
    "register_solver",
    "register_structure",
    "renew_batch_norm",
    "reorder_units",
    "report",
    "schedules",
    "scores",
    "sensitivity",
    "shrink",
    "shrink_report",
    "sparsity",
    "summary_diff",
]

# `from keras_slr.shrink import ...` and the like, as in version 0.1.
sys.modules["keras_slr.file_size"] = file_size
sys.modules["keras_slr.report"] = reports
sys.modules["keras_slr.shrink"] = shrinking


def __getattr__(name):
    # Needs matplotlib, which pruning does without.
    if name == "plots":
        return importlib.import_module("keras_slr.plots")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
