"""The best kernel with given zeros."""

import numpy as np


def optimum_on_support(problem, mask):
    """Returns the kernel of least error that is zero outside of a mask.

    Args:
        problem: `LayerProblem`.
        mask: Boolean array like `problem.target`.
    """
    right = problem.gram @ problem.target
    w = np.zeros_like(problem.target)
    groups, _, outputs = w.shape
    for group, output in np.ndindex(groups, outputs):
        kept = np.flatnonzero(mask[group, :, output])
        w[group, kept, output] = np.linalg.solve(
            problem.gram[group][np.ix_(kept, kept)],
            right[group, kept, output],
        )
    return w
