"""The metrics of an epoch, to go on with in the middle of it."""

import keras
import numpy as np


class RunningMetrics:
    """Holds what a checkpoint says of a model's metrics until it is asked for.

    `fit` resets the metrics when an epoch begins, after checkpoints are
    loaded.

    Args:
        model: Keras model, compiled.
    """

    def __init__(self, model):
        self._model = model
        self._saved = {}

    @property
    def state(self):
        """Dict of arrays by the place of a metric's variable."""
        return {
            str(i): keras.ops.convert_to_numpy(variable.value)
            for i, variable in enumerate(self._model.metrics_variables)
        }

    @state.setter
    def state(self, state):
        self._saved = {name: np.asarray(value) for name, value in state.items()}

    def restore(self):
        """Sets the metrics to what was saved.

        Does nothing if the model has other metrics, or not yet these: Keras
        on TensorFlow makes them with the first step.
        """
        variables = self._model.metrics_variables
        saved = [self._saved.get(str(i)) for i in range(len(variables))]
        shapes = [None if value is None else value.shape for value in saved]
        if shapes == [tuple(v.shape) for v in variables]:
            for variable, value in zip(variables, saved):
                variable.assign(value)
