"""Batch-norm statistics of the settled weights alone.

Batch norms normalize by the statistics of a batch while they train, and by
moving averages afterwards. Pruning changes what goes into them faster than the
averages follow: with a momentum of 0.99, a third of an average is older than
the last hundred steps. In a short run the averages still describe the dense
model when it ends.

The share of the old statistics is known, so it can be taken out, as Adam takes
the initial zeros out of its averages (arXiv 1412.6980, section 3). This costs
no step and needs no data. It is done with every dual update once the weights
have settled, so that validation sees it. The old statistics stay in the average
as if they were those of one batch: a run may end with a batch of one sample,
which has no variance.
"""

import keras
import numpy as np

from keras_slr.backend import to_numpy
from keras_slr.keras_internals.layers import is_of_keras
from keras_slr.models.graph import called_for_training
from keras_slr.models.graph import calls_in
from keras_slr.models.graph import graph_of

_OURS = "keras_slr."
# Rounding of other types would be multiplied with the rest.
_DTYPES = ("float32", "float64")


def forget(now, before, share):
    """Returns a moving average in which old values weigh less.

    Args:
        now: Array, the moving average.
        before: Array, what this function returned last; at first, the average
            with which the new one began.
        share: Float in `[0, 1)`, `momentum ** steps`, with the steps since
            then, would take the old values out; one step more leaves them as
            one of the steps.
    """
    return now + (now - before) * (share / (1.0 - share))


class SettledStatistics:
    """Takes statistics of unsettled weights out of those of batch norms.

    It has to know how often a step calls a batch norm. So nothing is done for
    subclassed models, for models with a `train_step` of the user's, and for
    norms inside other layers.

    Args:
        model: Keras model.
    """

    def __init__(self, model):
        self._norms = _norms_of(model)
        self._averages = None
        self._since = 0

    def update(self, settled, step):
        """Corrects the statistics.

        Args:
            settled: Boolean, whether the weights have settled.
            step: Integer, the steps of the run so far.
        """
        if not settled:
            return
        if self._averages is None:
            self._since = step
            self._averages = {
                str(i): _Averages(*norm) for i, norm in enumerate(self._norms)
            }
            return
        # Those with a lower momentum are done earlier.
        self._averages = {
            i: each
            for i, each in self._averages.items()
            if each.correct(step - self._since)
        }

    @property
    def state(self):
        """Dict of arrays and of an integer, negative before they settle."""
        if self._averages is None:
            return {"since": -1}
        before = {i: each.before for i, each in self._averages.items()}
        return {"since": self._since} | before

    @state.setter
    def state(self, state):
        self._since = int(state["since"])
        self._averages = None
        if self._since >= 0:
            self._averages = {
                str(i): _Averages(*norm, state[str(i)])
                for i, norm in enumerate(self._norms)
                if str(i) in state
            }


class _Averages:
    """The moving mean and variance of one batch norm.

    Args:
        norm: `BatchNormalization`.
        calls: Integer, how often a step calls it.
        before: Array `(2, channels)`, see `before`. Defaults to `None`, the
            present values.

    Attributes:
        before: Array, the mean and the variance after the last correction.
    """

    def __init__(self, norm, calls, before=None):
        self._variables = norm.moving_mean, norm.moving_variance
        self._momentum, self._calls = norm.momentum, calls
        self.before = self._values() if before is None else before

    def correct(self, steps):
        """Corrects the statistics; returns whether there was need to.

        Args:
            steps: Integer, those since the weights settled.
        """
        share = self._momentum ** (self._calls * steps + 1)
        if not np.finfo(np.float32).eps < share < 1.0:
            return False
        mean, variance = forget(self._values(), self.before, share)
        # Where a channel is dead, rounding may leave it below zero.
        self.before = np.stack([mean, np.maximum(variance, 0.0)])
        for variable, value in zip(self._variables, self.before):
            variable.assign(value)
        return True

    def _values(self):
        return np.stack([to_numpy(variable) for variable in self._variables])


def _norms_of(model):
    """Returns pairs of a batch norm and of its calls in a step, as a list."""
    graph = graph_of(model)
    if graph is None or not all(
        is_of_keras(kind) or kind.__module__.startswith(_OURS)
        for kind in type(model).__mro__
        if "train_step" in vars(kind) or "call" in vars(kind)
    ):
        return []
    # Evaluation changes the statistics of these, too.
    left = called_for_training(graph)
    return [
        (operation, calls)
        for operation, calls in calls_in(graph).items()
        if type(operation) is keras.layers.BatchNormalization
        and id(operation) not in left
        and not getattr(operation, "renorm", False)
        and operation.moving_mean.dtype in _DTYPES
    ]
