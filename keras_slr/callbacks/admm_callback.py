"""ADMM in `model.fit`."""

from typing import Any
from typing import Self

from keras_slr.allocation.user_rates import Rate
from keras_slr.callbacks.pruning_callback import PruningCallback
from keras_slr.record import register
from keras_slr.solvers import ADMM


@register
class ADMMCallback(PruningCallback):
    """Prunes by ADMM (arXiv 1804.03294), see `solvers.ADMM`.

    For arguments and logs see `PruningCallback`.
    """

    default_solver = ADMM

    @classmethod
    def paper(cls, rate: Rate | None = None, **kwargs: Any) -> Self:
        """Returns the callback with ADMM as published.

        The penalty is a part of the gradient, rho is constant, 0.01, and `Z`
        and the multipliers move once per epoch. The best rho differs between
        models: `ADMMCallback.paper(solver=ADMM.paper(rho=0.1))` changes it.

        Args:
            rate: See `PruningCallback`.
            **kwargs: Other arguments of `PruningCallback`.
        """
        settings: dict[str, Any] = {
            "solver": ADMM.paper(),
            "update_every": "epoch",
        }
        return cls(rate, **settings | kwargs)
