"""GReg in `model.fit`."""

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
