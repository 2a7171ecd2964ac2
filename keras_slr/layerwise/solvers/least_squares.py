"""The best kernel with a given support, by least squares.

The support is the set of entries that may differ from zero. Once it is fixed,
the columns of a kernel are independent: `G_SS w_S = (G W_1)_S` for a column
with support `S`.
"""

import numpy as np

# Entries of the stack of matrices that one call of LAPACK gets: 32 MB.
STACK = 2**22


def least_squares(gram, target, mask, start=None, tolerance=1e-4):
    """Returns the minimizer of `tr (W - W_1)' G (W - W_1)` on a support.

    Conjugate gradients run as long as they take fewer operations than
    factorizations for all supports would. Columns that have not converged by
    then are solved with factorizations. This never costs more than twice the
    cheaper of the two ways, whatever the condition number of `G`.

    Args:
        gram: Array `G` of shape `(groups, inputs, inputs)`, symmetric and
            positive definite.
        target: Array `W_1` of shape `(groups, inputs, outputs)`.
        mask: Boolean array like `target`, the support.
        start: Array like `target` from which conjugate gradients start.
            Defaults to `None`: `target` on the support.
        tolerance: Float, the residual of a column, relative to its right-hand
            side, at which conjugate gradients stop; both are divided by the
            square roots of the diagonal of `G`. `0.0` gives exact solutions
            only. Defaults to `1e-4`: the error is then within 0.01 % of the
            least one on layers of a language model.

    Returns:
        Array like `target`, zero off the support.
    """
    w = np.where(mask, target if start is None else start, 0.0)
    if tolerance > 0.0:
        steps = direct_operations(mask) // step_operations(mask)
        done = conjugate_gradients(gram, target, mask, w, steps, tolerance)
    else:
        done = np.zeros((len(mask), mask.shape[2]), bool)
    solve_directly(gram, target, mask, w, ~done)
    return w


def supports(mask, chosen):
    """Finds the distinct supports of the chosen columns.

    Args:
        mask: Boolean array of shape `(groups, inputs, outputs)`.
        chosen: Boolean array of shape `(groups, outputs)`.

    Returns:
        Tuple of three arrays with an entry for each chosen column: its group,
        its output, and the number of its support.
    """
    group, output = np.nonzero(chosen)
    columns = np.packbits(mask[group, :, output], axis=1)
    number = group.astype(">u4")[:, None].view(np.uint8)
    keys = np.concatenate([number, columns], axis=1)
    _, which = np.unique(keys, axis=0, return_inverse=True)
    return group, output, which.reshape(-1)


def direct_operations(mask):
    """Counts the operations of a factorization of each distinct support."""
    every = np.ones((len(mask), mask.shape[2]), bool)
    group, output, which = supports(mask, every)
    _, first = np.unique(which, return_index=True)
    sizes = mask[group[first], :, output[first]].sum(axis=1, dtype=float)
    return int(np.sum(sizes**3) * 2 / 3)


def step_operations(mask):
    """Counts the operations of a step of conjugate gradients."""
    return 2 * mask.size * mask.shape[1] or 1


def conjugate_gradients(gram, target, mask, w, steps, tolerance):
    """Moves the columns of `w` on their supports towards the minimum.

    Args:
        gram: Array of shape `(groups, inputs, inputs)`.
        target: Array of shape `(groups, inputs, outputs)`.
        mask: Boolean array like `target`.
        w: Array like `target`, zero off the support. Changes in place.
        steps: Integer, the largest number of steps.
        tolerance: Float, see `least_squares`.

    Returns:
        Boolean array of shape `(groups, outputs)`, the columns that have
        converged.
    """
    size = np.sqrt(np.diagonal(gram, axis1=1, axis2=2))[:, :, None]
    a = gram / (size * size.swapaxes(1, 2))
    right = np.where(mask, a @ (size * target), 0.0)
    bound = tolerance**2 * np.sum(right**2, axis=1, keepdims=True)
    x = size * w
    residual = np.where(mask, right - a @ x, 0.0)
    square = np.sum(residual**2, axis=1, keepdims=True)
    direction = residual
    for _ in range(steps):
        active = square > bound
        if not active.any():
            break
        image = np.where(mask, a @ direction, 0.0)
        curvature = np.sum(direction * image, axis=1, keepdims=True)
        length = np.where(active, square, 0.0) / np.where(
            active, curvature, 1.0
        )
        x += length * direction
        residual = residual - length * image
        before = square
        square = np.sum(residual**2, axis=1, keepdims=True)
        direction = residual + square / np.where(active, before, 1.0) * (
            direction
        )
    w[...] = x / size
    return (square <= bound)[:, 0]


def solve_directly(gram, target, mask, w, chosen):
    """Solves the chosen columns of `w` exactly, in place.

    Args:
        gram: Array of shape `(groups, inputs, inputs)`.
        target: Array of shape `(groups, inputs, outputs)`.
        mask: Boolean array like `target`.
        w: Array like `target`.
        chosen: Boolean array of shape `(groups, outputs)`.
    """
    if not chosen.any():
        return
    right = gram @ target
    group, output, which = supports(mask, chosen)
    order = np.argsort(which, kind="stable")
    group, output, which = group[order], output[order], which[order]
    _, first, columns = np.unique(which, return_index=True, return_counts=True)
    sizes = mask[group[first], :, output[first]].sum(axis=1)
    # Supports of equal size with equally many columns are one stack.
    kinds, kind = np.unique(
        np.stack([sizes, columns], axis=1), axis=0, return_inverse=True
    )
    for number, (size, width) in enumerate(kinds):
        if size == 0:
            continue
        starts = first[kind.reshape(-1) == number]
        most = max(STACK // (size * size), 1)
        for some in np.split(starts, range(most, len(starts), most)):
            g = group[some]
            _, rows = np.nonzero(mask[g, :, output[some]])
            rows = rows.reshape(-1, size)
            at = output[some[:, None] + np.arange(width)]
            matrices = gram[g[:, None, None], rows[:, :, None], rows[:, None]]
            places = g[:, None, None], rows[:, :, None], at[:, None]
            w[places] = np.linalg.solve(matrices, right[places])
