"""Pruning as optimisation: pure mathematics on tensors and scalars."""

from keras_slr.solvers.slr import SLR
from keras_slr.solvers.slr import SLRState

__all__ = ["SLR", "SLRState"]
