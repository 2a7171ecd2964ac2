"""The metrics of an epoch, for resuming in the middle of it."""

import keras
import numpy as np


class RunningMetrics:
    """Keeps the metrics of a checkpoint until `restore`.

    `fit` resets the metrics at the start of an epoch, after a checkpoint is
    loaded.

    Args:
        model: Keras model, compiled.
    """

    def __init__(self, model):
        self._model = model
        self._saved = {}

    @property
    def state(self):
        """Dict of arrays by the index of a metric's variable."""
        return {
            str(i): keras.ops.convert_to_numpy(variable.value)
            for i, variable in enumerate(self._model.metrics_variables)
        }

    @state.setter
    def state(self, state):
        self._saved = {name: np.asarray(value) for name, value in state.items()}

    def restore(self):
        """Sets the metrics to the saved values.

        Does nothing if the model has other metrics, or none yet: Keras on
        TensorFlow makes them in the first step.
        """
        variables = self._model.metrics_variables
        saved = [self._saved.get(str(i)) for i in range(len(variables))]
        shapes = [None if value is None else value.shape for value in saved]
        if shapes == [tuple(v.shape) for v in variables]:
            for variable, value in zip(variables, saved):
                variable.assign(value)
