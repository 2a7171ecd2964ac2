"""Swaps: exchanges a kept and a pruned entry while the error falls."""

import dataclasses

import numpy as np

from keras_slr.layerwise.solvers.least_squares import least_squares
from keras_slr.layerwise.solvers.solver import LAYER_SOLVERS
from keras_slr.layerwise.solvers.solver import LayerSolver
from keras_slr.layerwise.solvers.solver import register_layer_solver
from keras_slr.record import PACKAGE
from keras_slr.structures import NM
from keras_slr.structures import Unstructured


@register_layer_solver("swaps", PACKAGE)
@dataclasses.dataclass(frozen=True)
class Swaps(LayerSolver):
    """Polishes the mask of another solver by the best single swaps.

    In each output column, it exchanges the kept and the pruned entry whose
    exchange lowers the error most, over and over. SparseSwaps (Zimmer et al.,
    arXiv 2512.10922) does so with the weights fixed. Here all kept weights
    move to their optimum before the error of a swap is measured. A column is
    done when no swap helps, or after as many swaps as it has inputs. For N:M
    sparsity, both entries are in the same group of `m`. In the end, least
    squares fits the entries that stay.

    Swaps help much after a cheap mask and little after SLR. They suit layers
    of up to about 600 inputs: after SparseGPT, a column takes 0.02 s with 256
    inputs, 0.2 s with 576 and 4 s with 1536. The table has the error relative
    to that of a zero kernel, in a random layer of 256 x 64 with correlated
    inputs.

    | zeros                   | 50 %   | 70 %   | 90 %   |
    |-------------------------|--------|--------|--------|
    | SparseGPT               | 0.0483 | 0.1768 | 0.5357 |
    | swaps after SparseGPT   | 0.0139 | 0.0663 | 0.3181 |
    | exact OBS               | 0.0148 | 0.0708 | 0.3368 |
    | swaps after exact OBS   | 0.0136 | 0.0656 | 0.3199 |
    | SLR                     | 0.0120 | 0.0583 | 0.3135 |
    | swaps after SLR         | 0.0118 | 0.0579 | 0.3104 |

    Swaps leave the number of entries in each column as it is.

    Args:
        solver: String, the name of the solver whose mask is polished.
            Defaults to `"slr"`.

    Raises:
        ValueError: If `solver` is not the name of a solver, or if that
            solver needs more than the Gram matrix.
    """

    fits_support = True

    solver: str = "slr"

    def __post_init__(self):
        super().__post_init__()
        names = [
            name
            for name, kind in LAYER_SOLVERS.items()
            if not (kind.needs_samples or issubclass(kind, Swaps))
        ]
        if self.solver not in names:
            raise ValueError(
                "Expected `solver` of Swaps to be one of "
                f"{', '.join(sorted(names))}. Received: "
                f"solver={self.solver!r}."
            )

    def refusal(self, structure):
        if not isinstance(structure, (Unstructured, NM)):
            return (
                "Swaps exchanges single entries of an output column, which "
                "suits unstructured and N:M sparsity only"
            )
        return LAYER_SOLVERS[self.solver]().refusal(structure)

    def solve(self, problem):
        w = LAYER_SOLVERS[self.solver]().solve(problem)
        mask = swapped(problem, problem.nearest(w))
        return least_squares(problem.gram, problem.target, mask, tolerance=0.0)


def swapped(problem, mask):
    """Returns a mask with less error and as many entries in each column.

    Args:
        problem: `LayerProblem` with the structure `Unstructured` or `NM`.
        mask: Boolean array like `problem.target`, in the set.

    Returns:
        Boolean array like `mask`, a new one.
    """
    mask = mask.copy()
    groups, inputs, outputs = mask.shape
    part = np.zeros(inputs, int)
    if isinstance(problem.structure, NM):
        part = np.arange(inputs) // problem.structure.m
    for group, output in np.ndindex(groups, outputs):
        swap_column(
            problem.gram[group],
            problem.target[group, :, output],
            mask[group, :, output],
            part,
        )
    return mask


def swap_column(gram, target, mask, part):
    """Swaps entries of a column in place, at most as often as it has inputs.

    Args:
        gram: Array `G` of shape `(inputs, inputs)`, positive definite.
        target: Vector `t`.
        mask: Boolean vector, which is changed.
        part: Integer vector. Only entries with equal numbers are exchanged.
    """
    m = tableau(gram, target, mask)
    # Below this share of the largest error, gains are rounding errors.
    least = 1e-12 * (target @ gram @ target)
    for _ in range(mask.size):
        kept, pruned = np.flatnonzero(mask), np.flatnonzero(~mask)
        gain = np.where(
            part[kept, None] == part[pruned], gains(m, kept, pruned), 0.0
        )
        if gain.max(initial=0.0) <= least:
            return
        p, q = np.unravel_index(gain.argmax(), gain.shape)
        exchange(m, kept[p], -1.0)
        exchange(m, pruned[q], 1.0)
        mask[kept[p]], mask[pruned[q]] = False, True


def tableau(gram, target, mask):
    """Returns a matrix that tells what each swap in a column changes.

    With the kept entries `S`, the pruned ones `Q`, `A = G_SS`, and the best
    column `w` on `S`, the symmetric matrix consists of

        -A^-1          A^-1 G_SQ                 w
        G_QS A^-1      G_QQ - G_QS A^-1 G_SQ     G_Q (t - w)
        w'             (t - w)' G_Q'             (t - w)' G (t - w)

    with the rows and columns of `S` and `Q` in the order of the inputs.

    Args:
        gram: Array `G` of shape `(inputs, inputs)`, positive definite.
        target: Vector `t`.
        mask: Boolean vector, true for `S`.
    """
    right = gram @ target
    m = np.block(
        [[gram, right[:, None]], [right[None], np.array([[target @ right]])]]
    )
    kept = np.flatnonzero(mask)
    rest = np.flatnonzero(np.append(~mask, True))
    inverse = np.linalg.inv(m[np.ix_(kept, kept)])
    across = m[np.ix_(kept, rest)]
    fit = inverse @ across
    m[np.ix_(kept, kept)] = -inverse
    m[np.ix_(kept, rest)] = fit
    m[np.ix_(rest, kept)] = fit.T
    m[np.ix_(rest, rest)] -= across.T @ fit
    return m


def exchange(m, k, sign):
    """Moves an entry into the support or out of it, in place.

    Args:
        m: Array, see `tableau`.
        k: Integer, the entry.
        sign: Float, `1.0` into the support, `-1.0` out of it.
    """
    column = m[k].copy()
    m -= np.outer(column, column / column[k])
    m[k] = m[:, k] = sign * column / column[k]
    m[k, k] = -1.0 / column[k]


def gains(m, kept, pruned):
    """Returns by how much each swap lowers the error.

    Without the kept entry `p` the error rises by `w_p^2 / a_p`, where `a` is
    the diagonal of `A^-1`. The other weights take over a part, so that the
    residual of the pruned entry `q` grows from `r_q` by `w_p c_pq / a_p` and
    its curvature `s_q` by `c_pq^2 / a_p`, where `c = A^-1 G_SQ`. With `q`,
    the error then falls by the square of the residual over the curvature.

    Args:
        m: Array, see `tableau`.
        kept: Vector of the indices of the kept entries.
        pruned: Vector of the indices of the pruned entries.

    Returns:
        Array of shape `(kept.size, pruned.size)`.
    """
    a = -m[kept, kept, None]
    w = m[kept, -1, None]
    c = m[np.ix_(kept, pruned)]
    r = m[pruned, -1] + w / a * c
    s = m[pruned, pruned] + c * c / a
    return r * r / s - w * w / a
