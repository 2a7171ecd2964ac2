"""Activation: what is seldom active matters little."""

import dataclasses
from typing import Literal

import numpy as np

from keras_slr.record import PACKAGE
from keras_slr.scores.registry import register_score
from keras_slr.scores.score import Score
from keras_slr.scores.score import over_outputs


@register_score("activation", PACKAGE)
@dataclasses.dataclass(frozen=True)
class Activation(Score):
    """How active a filter or neuron is on some data.

    Needs data. Activations are read behind the activation function, also
    where that is a layer of its own behind a batch normalization, see
    `Evidence.outputs`.

    Args:
        by: `"mean"`: the mean magnitude of the activations over samples and
            positions. Pruning filters while training (Roy and others, arXiv
            2003.02800) compares mean activations; the full text was not at
            hand. To take magnitudes is a reading: behind a ReLU it says the
            same, and behind other functions positive and negative activations
            do not cancel. `"zeros"`: the mean share of activations that are
            not zero, which is one minus APoZ, the average percentage of zeros
            (Hu and others, arXiv 1607.03250). Defaults to `"mean"`.

    Raises:
        ValueError: If `by` is something else.
    """

    by: Literal["mean", "zeros"] = "mean"

    ranks = "outputs"
    reads = "outputs"

    def __post_init__(self):
        super().__post_init__()
        if self.by not in ("mean", "zeros"):
            raise ValueError(
                "Expected `by` to be 'mean' or 'zeros'. Received: "
                f"by={self.by!r}."
            )

    def of(self, weights, evidence):
        measure = np.abs if self.by == "mean" else _is_active
        means = _means(measure, evidence.outputs(), len(weights))
        if self.by == "zeros":
            for weight, shares in zip(weights, means):
                _check_zeros(weight, shares)
        return [
            over_outputs(m, weight)
            if weight.is_kernel
            else np.zeros(weight.shape, np.float32)
            for m, weight in zip(means, weights)
        ]


def _is_active(activations):
    return activations != 0


def _means(measure, batches, count):
    """Returns the means of a measure of activations, over all but channels.

    Args:
        measure: Function of an array that returns one of the same shape.
        batches: See `Evidence.outputs`.
        count: Integer, the number of weights.

    Returns:
        List of arrays `(channels,)`; a weight without outputs has zero.
    """
    sums, counts = [np.float64(0.0)] * count, [0] * count
    for outputs, _ in batches:
        for i, a in enumerate(outputs):
            if a is not None:
                rows = measure(a).reshape(-1, a.shape[-1])
                sums[i] = sums[i] + rows.sum(axis=0, dtype=np.float64)
                counts[i] += len(rows)
    return [total / max(number, 1) for total, number in zip(sums, counts)]


def _check_zeros(weight, shares):
    """Raises a `ValueError` if no output of a kernel is ever zero."""
    if weight.is_kernel and np.all(shares == 1.0):
        raise ValueError(
            "Expected activations that are exactly zero at times, such as "
            f"those of a ReLU, behind `{weight.path}`. Received none: take "
            'Activation("mean"), or leave it out with `exclude`.'
        )
