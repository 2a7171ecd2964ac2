"""Layer problems that carry their rows."""

import numpy as np

from keras_slr.layerwise.problem import LayerProblem
from keras_slr.layerwise.problem import Samples
from keras_slr.projections import keep_mask
from keras_slr.structures import Unstructured


def rows_problem(
    w, kept, rows=60, rectified=True, bias=None, rank=None, seed=0, damping=0.0
):
    """Returns the problem of a dense kernel and Gaussian rows.

    Args:
        w: Array `(groups, inputs, outputs)`, the dense kernel.
        kept: Integer, the number of entries that the set allows.
        rows: Integer. Defaults to `60`.
        rectified: Boolean. Defaults to `True`.
        bias: Array `(groups, outputs)`. Defaults to `None`: zeros.
        rank: Integer, the rank of the rows. Defaults to `None`: full.
        seed: Integer. Defaults to `0`.
        damping: Float, added to the diagonal of `G`. Defaults to `0.0`.
    """
    rng = np.random.default_rng(seed)
    groups, inputs, outputs = w.shape
    x = rng.normal(size=(groups, rows, rank or inputs))
    if rank is not None:
        x = x @ rng.normal(size=(groups, rank, inputs))
    bias = np.zeros((groups, outputs)) if bias is None else bias
    return LayerProblem(
        gram=x.swapaxes(1, 2) @ x / rows + damping * np.eye(inputs),
        target=w,
        weights=w,
        nearest=lambda w: keep_mask(w, kept),
        structure=Unstructured(),
        samples=Samples(x, x @ w + bias[:, None, :], bias, rectified),
    )


def sparse_kernel(inputs, outputs, terms, groups=1, seed=0):
    """Returns a kernel with `terms` entries from 1 to 2 in each column."""
    rng = np.random.default_rng(seed)
    w = np.zeros((groups, inputs, outputs))
    for group, output in np.ndindex(groups, outputs):
        at = rng.choice(inputs, terms, replace=False)
        sign = rng.choice([-1.0, 1.0], terms)
        w[group, at, output] = sign * rng.uniform(1.0, 2.0, terms)
    return w
