"""Pruning as optimisation: pure mathematics on tensors and scalars."""

from keras_slr.solvers.admm import ADMM
from keras_slr.solvers.greg import GReg
from keras_slr.solvers.magnitude import GradualMagnitude
from keras_slr.solvers.magnitude import OneShotMagnitude
from keras_slr.solvers.slr import SLR
from keras_slr.solvers.solver import Solver

__all__ = [
    "ADMM",
    "SLR",
    "GReg",
    "GradualMagnitude",
    "OneShotMagnitude",
    "Solver",
]
