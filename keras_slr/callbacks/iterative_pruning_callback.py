"""Iterative pruning in `model.fit`."""

from typing import Any
from typing import Self

from keras_slr.allocation.user_rates import Rate
from keras_slr.callbacks.pruning_callback import PruningCallback
from keras_slr.record import register
from keras_slr.scores import Magnitude
from keras_slr.solvers import IterativePruning
from keras_slr.structures import Filter


@register
class IterativePruningCallback(PruningCallback):
    """Prunes in a few iterations with training between them.

    See `solvers.IterativePruning`; for arguments and logs see
    `PruningCallback`. The criteria of weight, unit and filter pruning (Rahul
    and others, IJEAT 9(4), 2020) are these arguments:

    | criterion | arguments |
    |---|---|
    | weights of Dense layers | `include="class:Dense"` |
    | units of Dense layers | also `structure=Filter()` |
    | filters by L1 norm | `structure=Filter(), score=Magnitude(norm=1)` |
    | filters by first order | `structure=Filter(), score=Taylor("feature_maps"), allocation="global", data=(x, y)` |
    | filters by partial least squares | `structure=Filter(), score="vip", allocation="pooled", data=(x, y)` |
    """  # noqa: E501

    default_solver = IterativePruning

    @classmethod
    def at_a_glance(cls, rate: Rate | None = None, **kwargs: Any) -> Self:
        """Returns the callback as Pruning at a Glance has it.

        Filters and neurons of all layers compare by the mean magnitude of
        their weights. In every iteration, one threshold for all layers
        removes those below it (Salama and others, arXiv 1912.00200).

        The full text was not at hand, so these are readings: The rate counts
        weights, not filters. Layers whose outputs are added up lose the same
        filters, which compare by the sum of the layers' means. Each layer
        keeps a tenth of the mean density, and at least one filter.

        Args:
            rate: See `PruningCallback`.
            **kwargs: Other arguments of `PruningCallback`.
        """
        settings: dict[str, Any] = {
            "structure": Filter(),
            "score": Magnitude(norm=1, mean=True),
            "allocation": "pooled",
        }
        return cls(rate, **settings | kwargs)
