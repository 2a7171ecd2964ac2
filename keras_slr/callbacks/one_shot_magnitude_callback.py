"""One-shot magnitude pruning in `model.fit`."""

from keras_slr.callbacks.pruning_callback import PruningCallback
from keras_slr.record import register
from keras_slr.solvers import OneShotMagnitude


@register
class OneShotMagnitudeCallback(PruningCallback):
    """Prunes by magnitude at one moment, see `solvers.OneShotMagnitude`.

    For arguments and logs see `PruningCallback`.
    """

    default_solver = OneShotMagnitude
