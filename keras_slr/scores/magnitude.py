"""Magnitude: what is small matters little."""

import dataclasses

import numpy as np

from keras_slr.record import PACKAGE
from keras_slr.scores.registry import register_score
from keras_slr.scores.score import Score
from keras_slr.scores.score import per_output


@register_score("magnitude", PACKAGE)
@dataclasses.dataclass(frozen=True)
class Magnitude(Score):
    """The magnitude of the weights.

    Single entries are ranked by `|w|` in any case. `norm` is that of units.

    Args:
        norm: `1` for the sum of magnitudes (arXiv 1608.08710), `2` for the
            Euclidean norm. Defaults to `2`.
        mean: Boolean, whether the mean over a filter's entries replaces the
            sum, so that one threshold fits filters of all sizes. With
            `norm=1` this is the score of Pruning at a Glance (arXiv
            1912.00200), as remembered: the full text was not at hand.
            Defaults to `False`.

    Raises:
        ValueError: If `norm` is neither 1 nor 2.
    """

    norm: int = 2
    mean: bool = False

    def __post_init__(self):
        super().__post_init__()
        if self.norm not in (1, 2):
            raise ValueError(
                f"Expected `norm` to be 1 or 2. Received: norm={self.norm!r}."
            )

    def of(self, weights, evidence):
        found = []
        for weight, w in zip(weights, evidence.values()):
            scores = np.abs(w) if self.norm == 2 else np.sqrt(np.abs(w))
            if self.mean and weight.axes is not None:
                entries = w.size / per_output(w, weight).size
                scores /= np.sqrt(entries, dtype=np.float32)
            found.append(scores)
        return found
