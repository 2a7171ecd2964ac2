"""SNIP: how strongly the loss depends on whether a connection is there."""

import dataclasses

import numpy as np

from keras_slr.record import PACKAGE
from keras_slr.scores.registry import register_score
from keras_slr.scores.score import Score


@register_score("snip", PACKAGE)
@dataclasses.dataclass(frozen=True)
class SNIP(Score):
    """Connection sensitivity `|g w|` (Lee and others, arXiv 1810.02340, eq. 4).

    The gradient `g` is that of the loss on all data together, and the scores
    of all weights together sum to one: `allocation="pooled"` compares them as
    the paper does. Needs data and a compiled model. The model may be
    untrained.
    """

    reads = "gradients"

    def of(self, weights, evidence):
        sums = [np.float32(0.0)] * len(weights)
        for gradients in evidence.gradients():
            sums = [total + g for total, g in zip(sums, gradients)]
        scores = [np.abs(w * g) for w, g in zip(evidence.values(), sums)]
        total = sum(float(s.sum(dtype=np.float64)) for s in scores)
        return [s / np.float32(max(total, 1e-30)) for s in scores]
