"""SparseGPT: prunes input after input and feeds each error forward."""

import dataclasses

import numpy as np

from keras_slr.layerwise.solvers.solver import LayerSolver
from keras_slr.layerwise.solvers.solver import register_layer_solver
from keras_slr.projections import keep_mask
from keras_slr.record import PACKAGE
from keras_slr.structures import NM
from keras_slr.structures import Unstructured


@register_layer_solver("sparsegpt", PACKAGE)
@dataclasses.dataclass(frozen=True)
class SparseGPT(LayerSolver):
    """Prunes the inputs in order; later inputs make up for each error.

    This is SparseGPT (Frantar and Alistarh, ICML 2023, arXiv 2301.00774,
    algorithm 1). With `U' U = G^-1` and `U` upper triangular, pruning `W_ij`
    costs `(W_ij / U_ii)^2` if the weights of the inputs after `i` may change.
    The mask of a block of inputs is chosen when all blocks before it are
    done: of all outputs, the most expensive entries stay, and every block
    keeps the same share. For N:M sparsity, masks are for `m` inputs each.

    It makes one pass, with one factorization for all outputs, and suits
    unstructured and N:M sparsity.

    Args:
        block: Integer, at least 1, the number of inputs whose mask is chosen
            at once. For N:M sparsity it only affects the speed. Defaults to
            `128`, as in the paper.

    Raises:
        ValueError: If `block` is less than 1.
    """

    block: int = 128

    def __post_init__(self):
        super().__post_init__()
        if self.block < 1:
            raise ValueError(
                "Expected `block` of SparseGPT to be at least 1. Received: "
                f"block={self.block}."
            )

    def refusal(self, structure):
        if isinstance(structure, (Unstructured, NM)):
            return None
        return (
            "SparseGPT chooses the entries to keep while it passes over the "
            "inputs, which suits unstructured and N:M sparsity only"
        )

    def solve(self, problem):
        count = np.count_nonzero(problem.nearest(problem.target))
        inputs = problem.target.shape[1]
        each, width, block = 0, self.block, self.block
        if isinstance(problem.structure, NM):
            each, width = problem.structure.n, problem.structure.m
            # Groups of `m` do not extend over two blocks.
            block = max(block // width, 1) * width
        columns = problem.target.size // inputs
        others = count - each * (inputs // width) * columns
        u = upper_factor(problem.gram)
        return sparse_gpt(problem.target, u, each, others, width, block)


def upper_factor(gram):
    """Returns the upper triangular `U` with `U' U = G^-1`.

    Args:
        gram: Array of shape `(groups, inputs, inputs)`, positive definite.
    """
    # G = R R' with upper triangular R, the Cholesky factor of G with its
    # rows and columns in reverse. The inverse of G itself is never needed.
    reverse = np.linalg.cholesky(gram[:, ::-1, ::-1])
    return np.linalg.inv(reverse[:, ::-1, ::-1])


def sparse_gpt(w, u, each, others, width, block):
    """Prunes a kernel in one pass over its inputs.

    Args:
        w: Array of shape `(groups, inputs, outputs)`.
        u: Array `U` of shape `(groups, inputs, inputs)`, see `upper_factor`.
        each: Integer, how many of every `width` inputs stay in each column.
        others: Integer, how many more entries stay in the whole kernel.
        width: Integer, the number of inputs whose mask is chosen at once.
        block: Integer, a multiple of `width`: the number of inputs after
            which the rest of the kernel is updated.

    Returns:
        The sparse kernel, a new array.
    """
    w = w.copy()
    inputs = w.shape[1]
    mask = np.zeros(w.shape, bool)
    diagonal = np.diagonal(u, axis1=1, axis2=2)[:, :, None]
    errors = np.zeros_like(w)
    for start in range(0, inputs, block):
        stop = min(start + block, inputs)
        for i in range(start, stop):
            if i % width == 0:
                rows = slice(i, min(i + width, inputs))
                # Shares of `others`, rounded so that they add up to it.
                more = others * rows.stop // inputs - others * i // inputs
                scores = np.abs(w[:, rows]) / diagonal[:, rows]
                mask[:, rows] = largest_of_block(scores, each, more)
            pruned = np.where(mask[:, i], 0.0, w[:, i])
            errors[:, i] = pruned / diagonal[:, i]
            w[:, i] -= pruned
            w[:, i + 1 : stop] -= (
                u[:, i, i + 1 : stop, None] * errors[:, i, None]
            )
        back = u[:, start:stop, stop:].swapaxes(1, 2)
        w[:, stop:] -= back @ errors[:, start:stop]
    return w


def largest_of_block(scores, each, more):
    """Marks the largest scores of each column, then the largest others.

    Args:
        scores: Array of shape `(groups, rows, outputs)`, not negative.
        each: Integer, the number of entries to mark in each column.
        more: Integer, the number of further entries to mark.

    Returns:
        Boolean array of the same shape. Of equal scores, the first is marked.
    """
    order = np.argsort(-scores, axis=1, kind="stable")
    mask = np.zeros(scores.shape, bool)
    np.put_along_axis(mask, order[:, :each], True, axis=1)
    rest = np.flatnonzero(~mask)
    mask.flat[rest[keep_mask(scores.flat[rest], more)]] = True
    return mask
