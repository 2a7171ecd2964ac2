"""ADMM in `model.fit`."""

from keras_slr.callbacks.pruning_callback import PruningCallback
from keras_slr.record import register
from keras_slr.solvers import ADMM


@register
class ADMMCallback(PruningCallback):
    """Prunes by ADMM (arXiv 1804.03294), see `solvers.ADMM`.

    For arguments and logs see `PruningCallback`.
    """

    default_solver = ADMM
