"""Exact OBS: prunes one weight after the other, each with a full update."""

import dataclasses

import numpy as np

from keras_slr.layerwise.solvers.least_squares import least_squares
from keras_slr.layerwise.solvers.solver import LayerSolver
from keras_slr.layerwise.solvers.solver import register_layer_solver
from keras_slr.record import PACKAGE
from keras_slr.structures import Unstructured

# Columns are pruned together in chunks of about this many bytes.
_CHUNK = 1 << 26


@register_layer_solver("obs", PACKAGE)
@dataclasses.dataclass(frozen=True)
class ExactOBS(LayerSolver):
    """Prunes the entry that costs least, over and over.

    This is exact Optimal Brain Surgeon (Frantar, Singh and Alistarh, NeurIPS
    2022, arXiv 2208.11580, algorithms 1 and 2), for unstructured sparsity. In
    each output column, it prunes the entry `p` with the smallest
    `w_p^2 / H_pp`, where `H` is the inverse of `G` over the entries that are
    left, and moves all of these to their optimum. The recorded losses then
    tell how many entries each column loses. In the end, least squares fits
    the entries that stay.

    Time grows with `outputs inputs^3`, memory with `inputs^2`. On one core, it
    takes 0.5 s for 256 x 64, 45 s for 576 x 576, 7 min for 1024 x 1024, and
    64 MiB in addition to the problem itself.

    Args:
        most_inputs: Integer, the number of inputs beyond which `solve`
            refuses a layer. Defaults to `1024`.
    """

    fits_support = True

    most_inputs: int = 1024

    def refusal(self, structure):
        if isinstance(structure, Unstructured):
            return None
        return (
            "ExactOBS orders the single entries of each output column, which "
            "suits unstructured sparsity only"
        )

    def solve(self, problem):
        """Returns the sparse kernel, see `LayerSolver.solve`.

        Raises:
            ValueError: If the kernel has more than `most_inputs` inputs.
        """
        groups, inputs, outputs = problem.target.shape
        if inputs > self.most_inputs:
            raise ValueError(
                f"Expected at most {self.most_inputs} inputs, because exact "
                "OBS takes time in proportion to their cube. Received: a "
                f"kernel of {groups} x {inputs} x {outputs} entries; choose "
                "'sparsegpt' for this layer or raise `most_inputs`."
            )
        count = np.count_nonzero(problem.nearest(problem.target))
        pruned = problem.target.size - count
        columns = problem.target.swapaxes(1, 2)
        orders, losses = zip(
            *(eliminate(g, w) for g, w in zip(problem.gram, columns))
        )
        numbers = merge(np.stack(losses), pruned)
        ranks = np.argsort(np.stack(orders), axis=-1)
        mask = (ranks >= numbers[..., None]).swapaxes(1, 2)
        return least_squares(problem.gram, problem.target, mask, tolerance=0.0)


def eliminate(gram, w):
    """Prunes columns, entry by entry, until nothing is left.

    The inverse `H` over the entries that are left is never formed: it is
    `G^-1` minus the sum of `u u'` over the pruned entries, where `u` is the
    column of `H` at the pruned entry divided by the root of its diagonal
    element.

    Args:
        gram: Array `G` of shape `(inputs, inputs)`, positive definite.
        w: Array of shape `(outputs, inputs)`, the columns.

    Returns:
        Two arrays like `w`: in each row, the entries in the order in which
        they are pruned, and by how much the objective rises each time.
    """
    inverse = np.linalg.inv(gram)
    outputs, inputs = w.shape
    order = np.empty(w.shape, int)
    loss = np.empty(w.shape)
    chunk = max(_CHUNK // (8 * inputs**2), 1)
    for start in range(0, outputs, chunk):
        part = slice(start, start + chunk)
        order[part], loss[part] = _eliminate(inverse, w[part])
    return order, loss


def _eliminate(inverse, w):
    outputs, inputs = w.shape
    rows = np.arange(outputs)
    w = w.copy()
    diagonal = np.tile(np.diagonal(inverse), (outputs, 1))
    left = np.ones(w.shape, bool)
    updates = np.empty((outputs, inputs, inputs))
    order = np.empty(w.shape, int)
    loss = np.empty(w.shape)
    for t in range(inputs):
        costs = np.full(w.shape, np.inf)
        np.divide(w * w, diagonal, out=costs, where=left)
        p = costs.argmin(axis=1)
        order[:, t], loss[:, t] = p, costs[rows, p]
        before = updates[:, :t]
        u = inverse[p] - (before[rows, :, p][:, None] @ before)[:, 0]
        u /= np.sqrt(u[rows, p])[:, None]
        w -= u * (w[rows, p] / u[rows, p])[:, None]
        diagonal -= u * u
        left[rows, p] = False
        updates[:, t] = u
    return order, loss


def merge(losses, count):
    """Returns how many entries each column loses.

    The next entry always comes from the column where it costs least.

    Args:
        losses: Array of shape `(groups, outputs, inputs)`, the losses of
            each column in the order in which it loses its entries.
        count: Integer in `[0, losses.size]`, the number of entries to prune.

    Returns:
        Integer array of shape `(groups, outputs)` with the sum `count`.
    """
    # A loss that is smaller than an earlier one of its column follows it at
    # once.
    costs = np.maximum.accumulate(losses, axis=-1)
    pruned = np.zeros(losses.shape, bool)
    pruned.flat[np.argsort(costs, axis=None, kind="stable")[:count]] = True
    return pruned.sum(axis=-1)
