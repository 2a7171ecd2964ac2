"""Corrects batch-norm statistics after the weights have settled.

Batch norms normalize by the statistics of a batch while they train, and by
moving averages afterwards. Pruning changes their inputs faster than the
averages can follow: with a momentum of 0.99, values older than 100 steps still
make up 37 % of an average. At the end of a short run, the averages still
describe the dense model.

The share of the old statistics is known, so it can be taken out, as Adam takes
the initial zeros out of its averages (arXiv 1412.6980, section 3). This needs
no further steps or data. It is done with every dual update once the weights
have settled, so that validation sees it. The old statistics keep the weight of
one batch. Without them, the variance might rest on a single batch of one
sample, which is zero.
"""

import keras
import numpy as np

from keras_slr.backend import to_numpy
from keras_slr.keras_internals.layers import is_of_keras
from keras_slr.models.graph import called_for_training
from keras_slr.models.graph import calls_in
from keras_slr.models.graph import graph_of

_OURS = "keras_slr."
# In lower precision, the correction would amplify rounding errors.
_DTYPES = ("float32", "float64")


def forget(now, before, share):
    """Returns a moving average in which old values weigh less.

    Args:
        now: Array, the moving average.
        before: Array, the previous result; at first, the average when the
            weights settled.
        share: Float in `[0, 1)`, the weight to remove. With `n` values since
            the weights settled, `momentum ** n` removes the old ones entirely;
            `momentum ** (n + 1)` leaves them the weight of one value.
    """
    return now + (now - before) * (share / (1.0 - share))


class SettledStatistics:
    """Removes statistics from before settling from batch norms.

    It has to know how often a step calls a batch norm. It therefore skips
    subclassed models, models with a custom `train_step`, and norms inside other
    layers.

    Args:
        model: Keras model.
    """

    def __init__(self, model):
        self._norms = _norms_of(model)
        self._averages = None
        self._since = 0

    def update(self, settled, step):
        """Begins at the first call with settled weights, corrects at others.

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
        # Norms with a lower momentum need it for fewer steps.
        self._averages = {
            i: each
            for i, each in self._averages.items()
            if each.correct(step - self._since)
        }

    @property
    def state(self):
        """Dict: the step of settling (-1 before), and an array per norm."""
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
        """Corrects the statistics; returns whether it did.

        Args:
            steps: Integer, steps since the weights settled.
        """
        share = self._momentum ** (self._calls * steps + 1)
        if not np.finfo(np.float32).eps < share < 1.0:
            return False
        mean, variance = forget(self._values(), self.before, share)
        # For a dead channel, rounding may make the variance negative.
        self.before = np.stack([mean, np.maximum(variance, 0.0)])
        for variable, value in zip(self._variables, self.before):
            variable.assign(value)
        return True

    def _values(self):
        return np.stack([to_numpy(variable) for variable in self._variables])


def _norms_of(model):
    """Returns a list of pairs of a batch norm and its calls in a step."""
    graph = graph_of(model)
    if graph is None or "train_step" in vars(model):
        return []
    if not all(
        is_of_keras(kind) or kind.__module__.startswith(_OURS)
        for kind in type(model).__mro__
        if "train_step" in vars(kind) or "call" in vars(kind)
    ):
        return []
    # Called with `training=True`, these change in evaluation, too.
    left = called_for_training(graph)
    return [
        (operation, calls)
        for operation, calls in calls_in(graph).items()
        if type(operation) is keras.layers.BatchNormalization
        and id(operation) not in left
        and not getattr(operation, "renorm", False)
        and operation.moving_mean.dtype in _DTYPES
    ]
