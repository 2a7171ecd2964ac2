"""Fisher: how the loss would change, to second order, without an entry."""

import dataclasses

import numpy as np

from keras_slr.record import PACKAGE
from keras_slr.scores.metric import weighing
from keras_slr.scores.registry import register_score
from keras_slr.scores.score import Score


@register_score("fisher", PACKAGE)
@dataclasses.dataclass(frozen=True)
class Fisher(Score):
    """Optimal brain damage: `v^q |w|` with the mean squared gradients `v`.

    With `q = 1/2`, the square of the score is twice the rise of the loss to
    second order, if the Hessian is near the diagonal of the Fisher
    information (LeCun and others 1990, eq. 5). With `q = 1/4` it is the norm
    in which `SLR` projects by default. See `scores.metric`.

    With data, `v` is the mean over batches of the squared gradients: smaller
    batches come nearer to the Fisher information, which has the gradients of
    single samples. Without data, `v` is that of the optimizer, which has to
    be of the Adam family.

    Args:
        power: Float, `q`. Defaults to `0.5`.

    Raises:
        ValueError: If `power` is not positive.
    """

    power: float = 0.5

    reads = "moments"

    def __post_init__(self):
        super().__post_init__()
        if self.power <= 0:
            raise ValueError(
                f"Expected a positive `power`. Received: power={self.power!r}."
            )

    def of(self, weights, evidence):
        if evidence.has_data:
            moments = mean_squares(evidence.gradients(), len(weights))
        else:
            moments = evidence.moments()
        return [
            np.abs(w) * weighing(v, v.mean(), self.power).astype(np.float32)
            for w, v in zip(evidence.values(), moments)
        ]


def mean_squares(gradients, count):
    """Returns the mean squares of gradients over batches.

    Args:
        gradients: Iterable of lists of arrays.
        count: Integer, the length of the lists.
    """
    sums, batches = [np.float32(0.0)] * count, 0
    for found in gradients:
        batches += 1
        sums = [total + g * g for total, g in zip(sums, found)]
    return [total / batches for total in sums]
