"""Solvers of layer problems, one file each."""

from keras_slr.layerwise.solvers.solver import LAYER_SOLVERS
from keras_slr.layerwise.solvers.solver import LayerSolver
from keras_slr.layerwise.solvers.solver import register_layer_solver

__all__ = ["LAYER_SOLVERS", "LayerSolver", "register_layer_solver"]
