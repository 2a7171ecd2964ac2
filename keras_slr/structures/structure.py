"""The base class of sparsity structures."""

from collections.abc import Sequence
from typing import Any

import keras

from keras_slr.record import Record
from keras_slr.selection.kernels import Weight


class Structure(Record):
    """Defines which entries of a kernel become zero together.

    A subclass is a frozen dataclass that divides the entries of a weight into
    units: it implements `units`, `scores` and `entries`. Weights are passed
    as `selection.Weight`, which knows their shape and the roles of their
    axes.

    Attributes:
        rate: Float, the pruning rate if the structure fixes it, such as 0.5
            for 2:4 sparsity. Defaults to `None`: the user chooses.
        least: Integer, the number of units that stay at any rate. Defaults to
            `1`.
        freeze_at: Float in `(0, 1]`, the fraction of a run's learning after
            which the kept units no longer change. The more accuracy a unit
            costs, the earlier that should be. Defaults to `0.8`.
        statistics: Pairs of a variable that is not a weight but belongs to
            the units, such as a moving mean, and its `UnitLabels`. `finish`
            sets it. Defaults to `()`.
        metric: Float in `[0, 1]`, the power of the metric in which SLR
            projects, see `SLR`. Defaults to `0.25`.
    """

    rate: float | None = None
    least: int = 1
    freeze_at: float = 0.8
    metric: float = 1 / 4
    statistics: tuple = ()

    def refusal(self, weight: Weight) -> str | None:
        """Returns why a weight cannot carry the structure, or `None`."""
        if weight.axes is None:
            return "the roles of its axes are unknown"
        return None

    def couple(
        self,
        model: keras.Model,
        chosen: Sequence[Weight],
        left: Sequence[tuple[Weight, Any]],
    ) -> tuple[list[tuple[Any, list[Weight]]], list[tuple[Weight, Any]]]:
        """Groups the weights whose units extend over several of them.

        By default each weight is pruned by itself.

        Args:
            model: Keras model, built.
            chosen: List of `selection.Weight` to prune with this structure.
            left: List of pairs of a weight that is not pruned and the reason.

        Returns:
            List of pairs of a structure and the list of weights that it
            prunes together, and list of pairs of a chosen weight and the
            `Refusal` that says why it is not pruned.
        """
        del model, left
        return [(self, [weight]) for weight in chosen], []

    def units(self, *weights: Weight) -> int:
        """Returns the number of units of coupled weights."""
        raise NotImplementedError

    def scores(self, xp: Any, values: Sequence[Any], *weights: Weight) -> Any:
        """Returns the scores of all units as a vector.

        The projection keeps the units whose score has the largest magnitude.
        Write it with functions that NumPy and `keras.ops` share.

        Args:
            xp: `numpy` or `keras.ops`.
            values: List of float32 arrays, one per weight, with the weights'
                shapes.
            *weights: The coupled weights.

        Returns:
            Array of shape `(units,)`.
        """
        raise NotImplementedError

    def entries(self, xp: Any, kept: Any, *weights: Weight) -> list[Any]:
        """Returns masks of the entries to keep.

        Args:
            xp: `numpy` or `keras.ops`.
            kept: Boolean array of shape `(units,)`, the units to keep.
            *weights: The coupled weights.

        Returns:
            List of boolean arrays, one per weight, with the weights' shapes.
        """
        raise NotImplementedError

    def removed(
        self, share: float, *weights: Weight
    ) -> list[tuple[keras.Variable, tuple[int, ...] | None, float]]:
        """Returns what becomes removable when units are zero.

        Args:
            share: Float, the fraction of the units that is zero.
            *weights: The coupled weights.

        Returns:
            List of triples of a Keras variable; a tuple of axes along which
            whole slices become removable, or `None` for single entries; and a
            float, the fraction of the slices or entries that does.
        """
        return [(weight.variable, None, share) for weight in weights]

    def finish(self, *weights: Weight) -> None:
        """Completes the pruning once the weights have their final zeros.

        By default there is nothing to complete.
        """

    def rounded(self, rate: float, *weights: Weight) -> float:
        """Returns the rate to prune at for a requested `rate`."""
        del weights
        return rate
