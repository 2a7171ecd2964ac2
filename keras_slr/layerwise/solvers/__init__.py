"""Solvers of layer problems, one file each."""

from keras_slr.layerwise.solvers.admm import LayerADMM
from keras_slr.layerwise.solvers.l0 import L0Constrained
from keras_slr.layerwise.solvers.magnitude import Magnitude
from keras_slr.layerwise.solvers.net_trim import NetTrim
from keras_slr.layerwise.solvers.obs import ExactOBS
from keras_slr.layerwise.solvers.slr import LayerSLR
from keras_slr.layerwise.solvers.solver import LAYER_SOLVERS
from keras_slr.layerwise.solvers.solver import LayerSolver
from keras_slr.layerwise.solvers.solver import register_layer_solver
from keras_slr.layerwise.solvers.sparse_gpt import SparseGPT
from keras_slr.layerwise.solvers.swaps import Swaps
from keras_slr.layerwise.solvers.wanda import Wanda

__all__ = [
    "LAYER_SOLVERS",
    "ExactOBS",
    "L0Constrained",
    "LayerADMM",
    "LayerSLR",
    "LayerSolver",
    "Magnitude",
    "NetTrim",
    "SparseGPT",
    "Swaps",
    "Wanda",
    "register_layer_solver",
]
