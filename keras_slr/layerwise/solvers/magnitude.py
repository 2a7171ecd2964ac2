"""Magnitude pruning of a kernel, with or without least squares."""

import dataclasses

import numpy as np

from keras_slr.layerwise.solvers.least_squares import least_squares
from keras_slr.layerwise.solvers.solver import LayerSolver
from keras_slr.layerwise.solvers.solver import register_layer_solver
from keras_slr.record import PACKAGE


@register_layer_solver("magnitude", PACKAGE)
@dataclasses.dataclass(frozen=True)
class Magnitude(LayerSolver):
    """Keeps the largest entries or units of the trained kernel.

    Args:
        refit: Boolean, whether least squares fits the entries that stay, so
            that the layer's outputs change as little as possible. Otherwise
            they keep their trained values, and the inputs of the layer do
            not matter. Defaults to `False`.
    """

    refit: bool = False

    @property
    def uses_damping(self):
        return self.refit

    @property
    def fits_support(self):
        return self.refit

    def solve(self, problem):
        mask = problem.nearest(problem.weights)
        if self.refit:
            return least_squares(problem.gram, problem.target, mask)
        return np.where(mask, problem.weights, 0.0)
