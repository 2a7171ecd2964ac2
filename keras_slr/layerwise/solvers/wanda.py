"""Wanda: scores weights by the norms of their inputs, without an update."""

import dataclasses

import numpy as np

from keras_slr.layerwise.solvers.solver import LayerSolver
from keras_slr.layerwise.solvers.solver import register_layer_solver
from keras_slr.projections import keep_mask
from keras_slr.record import PACKAGE
from keras_slr.structures import Unstructured


@register_layer_solver("wanda", PACKAGE)
@dataclasses.dataclass(frozen=True)
class Wanda(LayerSolver):
    """Keeps the weights with the largest magnitude times norm of the input.

    Wanda (Sun et al., ICLR 2024, arXiv 2306.11695, equation 1) scores an
    entry with `|W_ij| ||X_i||`, where `X_i` is the layer's i-th input over
    all samples. Unstructured pruning compares the scores within each output
    column, so that all columns keep equally many entries. Other structures
    compare them as they compare magnitudes. The weights that stay keep their
    trained values.
    """

    uses_damping = False

    def solve(self, problem):
        norms = np.sqrt(np.diagonal(problem.gram, axis1=1, axis2=2))
        scores = np.abs(problem.weights) * norms[:, :, None]
        mask = problem.nearest(scores)
        if isinstance(problem.structure, Unstructured):
            mask = largest_per_column(scores, np.count_nonzero(mask))
        return np.where(mask, problem.weights, 0.0)


def largest_per_column(scores, count):
    """Marks the largest scores of each column.

    Every column keeps `count` divided by the number of columns. The
    remainder goes, one entry each, to the columns whose next score is the
    largest. Of equal scores, the first is marked.

    Args:
        scores: Array of shape `(groups, inputs, outputs)`, not negative.
        count: Integer in `[0, scores.size]`, the number of entries to mark.

    Returns:
        Boolean array of the same shape with exactly `count` true entries.
    """
    groups, _, outputs = scores.shape
    each, more = divmod(count, groups * outputs)
    order = np.argsort(-scores, axis=1, kind="stable")
    mask = np.zeros(scores.shape, bool)
    np.put_along_axis(mask, order[:, :each], True, axis=1)
    following = order[:, each : each + 1]
    marked = keep_mask(np.take_along_axis(scores, following, axis=1), more)
    np.put_along_axis(mask, following, marked, axis=1)
    return mask
