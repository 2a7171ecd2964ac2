"""GReg in `model.fit`."""

from typing import Any
from typing import Self

from keras_slr.allocation.user_rates import Rate
from keras_slr.callbacks.pruning_callback import PruningCallback
from keras_slr.record import register
from keras_slr.solvers import GReg


@register
class GRegCallback(PruningCallback):
    """Prunes by growing regularisation (arXiv 2012.09243).

    `solver=GReg.one()`, the default, is GReg-1; `GReg.two()` is GReg-2, see
    `solvers.GReg`. For arguments and logs see `PruningCallback`.
    """

    default_solver = GReg

    @classmethod
    def paper(cls, rate: Rate | None = None, **kwargs: Any) -> Self:
        """Returns the callback with the publication's penalty.

        It is a part of the gradient and grows to 1, see `GReg.paper`.

        Args:
            rate: See `PruningCallback`.
            **kwargs: Other arguments of `PruningCallback`.
        """
        return cls(rate, **{"solver": GReg.paper()} | kwargs)
