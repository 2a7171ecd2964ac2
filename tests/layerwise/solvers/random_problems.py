"""Random layer problems with correlated inputs."""

import numpy as np

from keras_slr.layerwise.problem import LayerProblem
from keras_slr.projections import keep_mask
from keras_slr.structures import NM
from keras_slr.structures import Unstructured


def random_problem(
    inputs, outputs, kept, groups=1, structure=None, seed=0, rows=None
):
    """Returns a problem whose target differs from its weights.

    Args:
        inputs: Integer, the number of inputs.
        outputs: Integer, the number of outputs of each group.
        kept: Integer, the number of entries that the set allows. N:M
            sparsity fixes it.
        groups: Integer, the number of groups. Defaults to `1`.
        structure: `Structure`. Defaults to `None`: `Unstructured`.
        seed: Integer. Defaults to `0`.
        rows: Integer, the number of samples. Defaults to `None`: four for
            each input.
    """
    rng = np.random.default_rng(seed)
    rows = rows or 4 * inputs
    mix = rng.normal(size=(groups, inputs, inputs)) / np.sqrt(inputs)
    x = rng.normal(size=(groups, rows, inputs)) @ (np.eye(inputs) + 2 * mix)
    gram = x.swapaxes(1, 2) @ x / rows
    size = np.trace(gram, axis1=1, axis2=2)[:, None, None] / inputs
    target = rng.normal(size=(groups, inputs, outputs))
    structure = structure or Unstructured()

    def nearest(w):
        if isinstance(structure, NM):
            return largest_of_each(w, structure.n, structure.m)
        return keep_mask(w, kept)

    return LayerProblem(
        gram=gram + 0.01 * size * np.eye(inputs),
        target=target,
        weights=target + 0.1 * rng.normal(size=target.shape),
        nearest=nearest,
        structure=structure,
    )


def largest_of_each(w, n, m):
    """Marks the `n` largest of every `m` inputs, entry by entry."""
    mask = np.zeros(w.shape, bool)
    groups, inputs, outputs = w.shape
    for group in range(groups):
        for output in range(outputs):
            for start in range(0, inputs, m):
                part = np.abs(w[group, start : start + m, output])
                for i in sorted(range(m), key=lambda i: -part[i])[:n]:
                    mask[group, start + i, output] = True
    return mask


def refit(gram, target, kept):
    """Returns the least-squares column on a support, from rows of inputs."""
    w = np.zeros(len(target))
    x = np.linalg.cholesky(gram).T
    w[kept] = np.linalg.lstsq(x[:, kept], x @ target)[0]
    return w


def column_error(gram, target, w):
    return (w - target) @ gram @ (w - target)
