"""Taylor: how the loss would change, to first order, without an entry."""

import dataclasses
from typing import Literal

import numpy as np

from keras_slr.record import PACKAGE
from keras_slr.scores.registry import register_score
from keras_slr.scores.score import Score
from keras_slr.scores.score import over_outputs
from keras_slr.scores.score import per_output


@register_score("taylor", PACKAGE)
@dataclasses.dataclass(frozen=True)
class Taylor(Score):
    """The first-order change of the loss when an entry becomes zero.

    Needs data and a compiled model.

    Args:
        on: `"weights"`: the root of the mean over batches of `(g w)^2`,
            summed over the entries of a unit (Molchanov and others, arXiv
            1906.10771, eq. 8). `"feature_maps"`: the mean over batches of
            `|sum a g_a|`, where `a` is what a filter's product gives and
            `g_a` the loss's gradient in it, relative to the norm of the layer
            (Molchanov and others, arXiv 1611.06440, eq. 8). Defaults to
            `"weights"`.

    Raises:
        ValueError: If `on` is something else.
    """

    on: Literal["weights", "feature_maps"] = "weights"

    reads = "gradients"

    def __post_init__(self):
        super().__post_init__()
        if self.on not in ("weights", "feature_maps"):
            raise ValueError(
                "Expected `on` to be 'weights' or 'feature_maps'. Received: "
                f"on={self.on!r}."
            )

    @property
    def ranks(self):
        return "entries" if self.on == "weights" else "outputs"

    def of(self, weights, evidence):
        values = evidence.values()
        change = _squares if self.on == "weights" else _changes_of_feature_maps
        sums, count = [np.float32(0.0)] * len(weights), 0
        for gradients in evidence.gradients():
            count += 1
            sums = [
                total + change(weight, w * g)
                for total, weight, w, g in zip(sums, weights, values, gradients)
            ]
        if self.on == "weights":
            return [np.sqrt(total / count) for total in sums]
        return [over_outputs(s / count, w) for s, w in zip(sums, weights)]


def _squares(weight, products):
    del weight
    return products * products


def _changes_of_feature_maps(weight, products):
    """Returns `|sum a g_a|` of each output, relative to the layer's norm.

    A filter's product `a` is linear in the filter's entries `w`, so that the
    sum of `a g_a` over the batch and all positions is that of `w g`.
    """
    if weight.axes is None:
        return np.float32(0.0)
    changes = np.abs(per_output(products, weight))
    return changes / max(np.linalg.norm(changes), np.float32(1e-30))
