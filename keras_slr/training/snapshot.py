"""The weights from before a run, on disk, in case the run destroys them."""

import pathlib
import tempfile
import warnings

import keras
import numpy as np

from keras_slr.training.hook import base_optimizer
from keras_slr.training.masks import averages_of


class Snapshot:
    """Keeps a copy of a model's variables in a temporary folder.

    On disk rather than in memory, since it is hardly ever read.

    Args:
        model: Built Keras model.
    """

    def __init__(self, model):
        self._model = model
        self._folder = tempfile.TemporaryDirectory(prefix="keras_slr_")
        self._saved = True
        try:
            for i, variable in enumerate(model.variables):
                np.save(
                    self._file(i), keras.ops.convert_to_numpy(variable.value)
                )
        except OSError as error:
            self._saved = False
            warnings.warn(
                "The weights could not be saved to the temporary folder "
                f"({error}): if training diverges to NaN they are lost.",
                stacklevel=3,
            )

    def restore(self):
        """Sets all variables back; returns whether that could be done."""
        if not self._saved:
            return False
        for i, variable in enumerate(self._model.variables):
            variable.assign(np.load(self._file(i)))
        # `fit` copies the moving averages into the weights when it ends.
        trainable = self._model.trainable_variables
        base = base_optimizer(self._model.optimizer)
        for average, variable in zip(averages_of(base, trainable), trainable):
            average.assign(keras.ops.convert_to_numpy(variable.value))
        return True

    def discard(self):
        self._folder.cleanup()

    def _file(self, i):
        return pathlib.Path(self._folder.name) / f"{i}.npy"
