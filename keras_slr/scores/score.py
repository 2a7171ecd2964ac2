"""The base class of scores."""

from collections.abc import Sequence
from typing import Any
from typing import ClassVar
from typing import Literal

import numpy as np

from keras_slr.record import Record
from keras_slr.scores.evidence import Evidence
from keras_slr.selection.kernels import Weight


class Score(Record):
    """Says how much the entries or the units of the weights matter.

    A subclass is a frozen dataclass, registered with `register_score`. It
    implements `of`.

    Attributes:
        ranks: `"entries"`, or `"outputs"` if all entries of an output of a
            kernel, such as a filter, have the same score; structures of
            single entries cannot use it then. Defaults to `"entries"`.
        reads: What `of` needs besides the weights: `"gradients"`, or
            `"outputs"` of the layers, both from data; `"moments"`, the
            optimizer's mean squared gradients, or gradients where there is
            data; or `None`. Defaults to `None`.
    """

    ranks: ClassVar[Literal["entries", "outputs"]] = "entries"
    reads: ClassVar[Literal["gradients", "outputs", "moments"] | None] = None

    def of(
        self, weights: Sequence[Weight], evidence: Evidence
    ) -> list[np.ndarray]:
        """Returns the scores of all entries.

        Entries compare by the magnitude of their score, units by the square
        root of the sum of the squares of their entries' scores.

        Args:
            weights: List of `selection.Weight`, all weights to prune.
            evidence: `Evidence`, what is known about them.

        Returns:
            List of float32 arrays, one per weight and of its shape.
        """
        raise NotImplementedError


def over_outputs(scores: Any, weight: Weight) -> np.ndarray:
    """Spreads one score per output of a kernel over its entries.

    Args:
        scores: Array of shape `(outputs,)`, not negative.
        weight: `selection.Weight`.

    Returns:
        Float32 array of the weight's shape. The squares of an output's
        entries add up to the square of its score. It is zero if the weight
        is no kernel.
    """
    shape, axes = weight.shape, weight.axes
    if axes is None:
        return np.zeros(shape, np.float32)
    along = [size if i in axes.outputs else 1 for i, size in enumerate(shape)]
    entries = weight.size / np.size(scores)
    spread = np.reshape(np.asarray(scores) / np.sqrt(entries), along)
    return np.broadcast_to(spread, shape).astype(np.float32)


def per_output(values: np.ndarray, weight: Weight) -> np.ndarray:
    """Sums an array of a kernel's shape over all but its outputs.

    Args:
        values: Array of the weight's shape.
        weight: `selection.Weight` with known axes.

    Returns:
        Array of shape `(outputs,)`.
    """
    axes = weight.axes
    others = tuple(i for i in range(values.ndim) if i not in axes.outputs)
    return np.sum(values, axis=others).reshape(-1)
