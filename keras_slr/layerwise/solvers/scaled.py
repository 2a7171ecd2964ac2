"""A layer problem in which all inputs have mean square one."""

import dataclasses
from collections.abc import Callable

import numpy as np


@dataclasses.dataclass(frozen=True)
class Scaled:
    """`min_V 1/2 tr (V - V_1)' A (V - V_1)` with `V = D W`, `A_ii = 1`.

    `D` is diagonal with the square roots of the diagonal of `G`, and
    `A = D^-1 G D^-1`. The set is the same one: a kernel and its multiple by
    rows have the same support. But the nearest element of the set is now
    nearest in the metric of `diag(G)`, and a penalty acts alike on inputs of
    all sizes.

    Attributes:
        size: Array `D` of shape `(groups, inputs, 1)`.
        target: Array `V_1` of shape `(groups, inputs, outputs)`.
        values: Array of shape `(groups, inputs, 1)`, the eigenvalues of `A`.
        vectors: Array of shape `(groups, inputs, inputs)`, its eigenvectors.
        nearest: Function of an array like `target` that returns the support
            of its projection onto the set.
    """

    size: np.ndarray
    target: np.ndarray
    values: np.ndarray
    vectors: np.ndarray
    nearest: Callable[[np.ndarray], np.ndarray]

    @classmethod
    def of(cls, problem):
        """Returns a `LayerProblem` in this form."""
        size = np.sqrt(np.diagonal(problem.gram, axis1=1, axis2=2))[:, :, None]
        a = problem.gram / (size * size.swapaxes(1, 2))
        values, vectors = np.linalg.eigh(a)
        return cls(
            size,
            size * problem.target,
            values[:, :, None],
            vectors,
            problem.nearest,
        )

    def solve(self, rho, right):
        """Returns `(A + rho I)^-1` times an array like `target`."""
        inside = self.vectors.swapaxes(1, 2) @ right
        return self.vectors @ (inside / (self.values + rho))
