"""Batch-norm statistics of the settled weights alone.

Batch norms normalize by the statistics of a batch while they train, and by
moving averages afterwards. Pruning changes what goes into them faster than the
averages follow: with a momentum of 0.99, a third of an average is older than
the last hundred steps. In a short run the averages still describe the dense
model when it ends.

The share of the old statistics is known, so it can be taken out, as Adam takes
the initial zeros out of its averages (arXiv 1412.6980, section 3). This costs
no step and needs no data. It is done with every dual update once the weights
have settled, so that validation sees it.
"""

import collections
import threading

import keras
import numpy as np

from keras_slr.backend import to_numpy
from keras_slr.keras_internals.instance_patch import InstancePatch
from keras_slr.keras_internals.layers import layers_of


def unbiased(now, before, share):
    """Returns a moving average without the values from before it began.

    Args:
        now: Array, the moving average.
        before: Array, what this function returned last; at first, the average
            with which the new one began.
        share: Float in `[0, 1)`, the share of the average that is older than
            its beginning: `momentum ** steps`.
    """
    return now + (now - before) * (share / (1.0 - share))


class SettledStatistics:
    """Takes statistics of unsettled weights out of those of batch norms.

    While attached, it counts how often a training step calls each batch norm.
    Without a call of `train_step`, the statistics stay as they are.

    Args:
        model: Keras model.
    """

    def __init__(self, model):
        self._norms = [
            layer for layer in layers_of(model) if _is_batch_norm(layer)
        ]
        self._calls = collections.Counter()
        # Replicas of TensorFlow take their steps in threads that alternate.
        self._present = threading.local()
        self._patches = [
            InstancePatch(norm, "call", self._counting(norm))
            for norm in self._norms
        ]
        if self._norms:
            step = InstancePatch(model, "train_step", self._counting_anew)
            self._patches.append(step)
        self._averages = None
        self._since = 0

    def attach(self):
        for patch in self._patches:
            patch.attach()

    def detach(self):
        for patch in self._patches:
            patch.detach()

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
                str(i): _Averages(norm) for i, norm in enumerate(self._norms)
            }
            return
        # Those with a lower momentum are done earlier.
        self._averages = {
            i: each
            for i, each in self._averages.items()
            if each.correct(self._calls[each.norm] * (step - self._since))
        }

    @property
    def state(self):
        """Dict of arrays and an integer, empty until the weights settle."""
        if self._averages is None:
            return {}
        before = {i: each.before for i, each in self._averages.items()}
        return {"since": self._since} | before

    @state.setter
    def state(self, state):
        self._since = int(state["since"])
        self._averages = {
            str(i): _Averages(norm, state[str(i)])
            for i, norm in enumerate(self._norms)
            if str(i) in state
        }

    def _counting(self, norm):
        def replace(base):
            def call(*args, **kwargs):
                calls = getattr(self._present, "calls", None)
                training = kwargs.get("training", any(args[1:2]))
                if training and calls is not None:
                    calls[norm] += 1
                return base(*args, **kwargs)

            return call

        return replace

    def _counting_anew(self, base):
        def train_step(*args, **kwargs):
            # Once where steps are compiled: while they are traced.
            self._calls = self._present.calls = collections.Counter()
            try:
                return base(*args, **kwargs)
            finally:
                self._present.calls = None

        return train_step


class _Averages:
    """The moving mean and variance of one batch norm.

    Args:
        norm: `BatchNormalization`.
        before: Array `(2, channels)`, see `before`. Defaults to `None`, the
            present values.

    Attributes:
        norm: As given.
        before: Array, the mean and the variance after the last correction.
    """

    def __init__(self, norm, before=None):
        self.norm = norm
        self._variables = norm.moving_mean, norm.moving_variance
        self.before = self._values() if before is None else before

    def correct(self, calls):
        """Corrects the statistics; returns whether there was need to.

        Args:
            calls: Integer, those since the weights settled.
        """
        share = self.norm.momentum**calls
        if not np.finfo(np.float32).eps < share < 1.0:
            return False
        mean, variance = unbiased(self._values(), self.before, share)
        # Where a channel is dead, rounding may leave it below zero.
        self.before = np.stack([mean, np.maximum(variance, 0.0)])
        for variable, value in zip(self._variables, self.before):
            variable.assign(value)
        return True

    def _values(self):
        return np.stack([to_numpy(variable) for variable in self._variables])


def _is_batch_norm(layer):
    kind = keras.layers.BatchNormalization
    return isinstance(layer, kind) and type(layer).call is kind.call
