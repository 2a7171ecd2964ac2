"""SLR in `model.fit`, with one line."""

from typing import Any
from typing import Self

from keras_slr.allocation.user_rates import Rate
from keras_slr.callbacks.pruning_callback import PruningCallback
from keras_slr.record import register
from keras_slr.solvers import SLR


@register
class SLRCallback(PruningCallback):
    """Prunes a model while `fit` trains it, by Surrogate Lagrangian Relaxation.

    ```python
    model.fit(x, y, epochs=10, callbacks=[SLRCallback(rate=0.9)])
    ```

    Start from a trained model. While the weights `W` train, their sparse
    copies `Z` and multipliers `Lam` pull them towards sparsity. The pull
    begins weak and grows over the run (arXiv 2012.10079 and 2304.04120). The
    last step of `fit` sets exactly the requested share of the weights to
    zero. By then those entries are close to zero, so no retraining is needed.
    The model stays a plain Keras model.

    For arguments and logs see `PruningCallback`. SLR adds `slr_rho`,
    `slr_stepsize`, and `slr_condition_1` and `slr_condition_2`, the shares of
    the epoch's dual updates in which the conditions held.
    """

    default_solver = SLR

    @classmethod
    def paper(cls, rate: Rate | None = None, **kwargs: Any) -> Self:
        """Returns the callback with the papers' constants.

        They are: first stepsize 0.01, M 300, r 0.1, constant rho 0.1, one
        dual update per epoch.

        Args:
            rate: See `PruningCallback`.
            **kwargs: Other arguments of `PruningCallback`.
        """
        settings: dict[str, Any] = {
            "solver": SLR.paper(),
            "update_every": "epoch",
        }
        return cls(rate, **settings | kwargs)
