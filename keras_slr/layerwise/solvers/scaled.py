"""A layer problem in which all inputs have mean square one."""

import dataclasses
from collections.abc import Callable

import numpy as np


@dataclasses.dataclass(frozen=True)
class Scaled:
    """`min_V 1/2 tr (V - V_1)' A (V - V_1)` with `V = D W`, `A_ii = 1`.

    `D` is diagonal with the square roots of the diagonal of `G`, and
    `A = D^-1 G D^-1`. The set stays the same, because scaling the rows of a
    kernel does not move its zeros. But the nearest element of the set is now
    nearest in the metric of `diag(G)`, and a penalty treats inputs of all
    sizes alike.

    Attributes:
        size: Array `D` of shape `(groups, inputs, 1)`.
        target: Array `V_1` of shape `(groups, inputs, outputs)`.
        values: Array of shape `(groups, inputs, 1)`, the eigenvalues of `A`.
        vectors: Array of shape `(groups, inputs, inputs)`, its eigenvectors,
            in the precision of the products with them.
        transposed: Array, `vectors` with the last two axes exchanged.
        nearest: Function of an array like `target` that returns the support
            of its projection onto the set.
    """

    size: np.ndarray
    target: np.ndarray
    values: np.ndarray
    vectors: np.ndarray
    transposed: np.ndarray
    nearest: Callable[[np.ndarray], np.ndarray]

    @classmethod
    def of(cls, problem, dtype=np.float32):
        """Returns a `LayerProblem` in this form.

        Args:
            problem: `LayerProblem`.
            dtype: Type of the products with eigenvectors, which take nearly
                all of the time. Defaults to single precision, which is three
                times as fast and enough to choose the support.
        """
        size = np.sqrt(np.diagonal(problem.gram, axis1=1, axis2=2))[:, :, None]
        a = problem.gram / (size * size.swapaxes(1, 2))
        values, vectors = np.linalg.eigh(a)
        vectors = vectors.astype(dtype)
        return cls(
            size,
            size * problem.target,
            values[:, :, None],
            vectors,
            np.ascontiguousarray(vectors.swapaxes(1, 2)),
            problem.nearest,
        )

    def minimize(self, rho, right):
        """Minimizes the objective `+ rho / 2 ||V - V_1||^2 - <right, V>`.

        Args:
            rho: Float, positive.
            right: Array like `target`.

        Returns:
            Tuple of the minimizer `V_1 + (A + rho I)^-1 right` and its
            objective, a float.
        """
        inside = self.transposed @ right.astype(self.vectors.dtype)
        inside = inside / (self.values + rho)
        off = self.vectors @ inside.astype(self.vectors.dtype)
        return self.target + off, 0.5 * float(np.sum(self.values * inside**2))
