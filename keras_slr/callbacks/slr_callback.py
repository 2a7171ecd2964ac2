"""SLR in `model.fit`, with one line."""

from keras_slr.callbacks.pruning_callback import PruningCallback
from keras_slr.record import register
from keras_slr.solvers import SLR


@register
class SLRCallback(PruningCallback):
    """Prunes a model while `fit` trains it, by Surrogate Lagrangian Relaxation.

    ```python
    model.fit(x, y, epochs=10, callbacks=[SLRCallback(rate=0.9)])
    ```

    Start from a trained model. While the weights `W` train, sparse copies
    `Z` of them and multipliers `Lam` pull them towards sparsity; the pull
    begins weak and grows over the run (arXiv 2012.10079 and 2304.04120). With
    the last step of `fit` exactly the asked share of the weights is set to
    zero. By then those entries are close to zero, so that no retraining is
    needed. The model stays a plain Keras model.

    Arguments and logs are those of `PruningCallback`. SLR adds `slr_rho`,
    `slr_stepsize`, and `slr_condition_1` and `slr_condition_2`, the shares of
    the epoch's dual updates in which the conditions held.
    """

    default_solver = SLR

    @classmethod
    def paper(cls, rate=None, **kwargs):
        """The callback with the papers' constants.

        First stepsize 0.01, M 300, r 0.1, constant rho 0.1, one dual update
        an epoch.

        Args:
            rate: See `PruningCallback`.
            **kwargs: Other arguments of `PruningCallback`.
        """
        kwargs = {"solver": SLR.paper(), "update_every": "epoch"} | kwargs
        return cls(rate, **kwargs)
