"""The problem that pruning without training solves for each kernel."""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np


@dataclasses.dataclass(frozen=True)
class Samples:
    """Rows of a layer, for solvers to which a Gram matrix is not enough.

    Attributes:
        inputs: Float array of shape `(groups, rows, inputs)`.
        outputs: Float array of shape `(groups, rows, outputs)`, the dense
            model's products with the kernel for these rows, bias included.
        bias: Float array of shape `(groups, outputs)`, zero without a bias.
        rectified: Boolean, whether a ReLU follows directly.
    """

    inputs: np.ndarray
    outputs: np.ndarray
    bias: np.ndarray
    rectified: bool


@dataclasses.dataclass(frozen=True)
class LayerProblem:
    """`min_W tr (W - W_1)' G (W - W_1)` for `W` in a set of sparse kernels.

    For layer inputs `X`, one row for each sample, `G = X' X` divided by the
    number of rows, plus the damping. The objective is then the mean squared
    change of the layer's outputs, up to a constant.

    A kernel is a stack of matrices: one for each group of a convolution, each
    channel of a depthwise convolution, a single one otherwise. All arrays are
    float64.

    Attributes:
        gram: Array `G` of shape `(groups, inputs, inputs)`, symmetric and
            positive definite.
        target: Array `W_1` of shape `(groups, inputs, outputs)`, the best
            dense kernel for these inputs.
        weights: Array `W_0` like `target`, the trained kernel. It differs
            from `target` if the inputs come from layers that are pruned
            already.
        nearest: Function of an array like `target` that returns the boolean
            mask of the entries that the projection onto the set keeps.
        structure: `Structure` of the set.
        samples: `Samples`, or `None` if the solver does not need them.
    """

    gram: np.ndarray
    target: np.ndarray
    weights: np.ndarray
    nearest: Callable[[np.ndarray], np.ndarray]
    structure: Any
    samples: Samples | None = None

    def error(self, w: np.ndarray) -> float:
        """Returns the objective at a kernel like `target`."""
        gap = w - self.target
        return float(np.sum(gap * (self.gram @ gap)))
