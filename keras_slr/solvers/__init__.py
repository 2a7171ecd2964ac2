"""Pruning methods: what they do between training steps."""

from keras_slr.solvers.admm import ADMM
from keras_slr.solvers.greg import GReg
from keras_slr.solvers.iterative import IterativePruning
from keras_slr.solvers.magnitude import GradualMagnitude
from keras_slr.solvers.magnitude import OneShotMagnitude
from keras_slr.solvers.registry import SOLVERS
from keras_slr.solvers.registry import register_solver
from keras_slr.solvers.slr import SLR
from keras_slr.solvers.solver import Solver
from keras_slr.solvers.thresholds import LearnedThresholds

__all__ = [
    "ADMM",
    "SLR",
    "SOLVERS",
    "GReg",
    "GradualMagnitude",
    "IterativePruning",
    "LearnedThresholds",
    "OneShotMagnitude",
    "Solver",
    "register_solver",
]
