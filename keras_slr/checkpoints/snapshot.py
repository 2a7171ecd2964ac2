"""A copy on disk of the weights from before a run."""

import contextlib
import warnings
import weakref

import numpy as np
from keras import ops

from keras_slr import backend
from keras_slr.keras_internals.optimizers import trained_variables
from keras_slr.training.optimizer_parts import averages_of
from keras_slr_base.work_folder import work_folder


class Snapshot:
    """Keeps a copy of a model's and its optimizers' variables.

    It is in a temporary folder, not in memory, because it is hardly ever read.

    Args:
        model: Built Keras model.
        optimizers: List of Keras optimizers.
        without: List of variables of the optimizers to leave out.
    """

    def __init__(self, model, optimizers, without):
        self._model = model
        self._optimizers = optimizers
        left_out = {id(v) for v in without}
        self._variables = model.variables + [
            variable
            for optimizer in optimizers
            for variable in optimizer.variables
            if id(variable) not in left_out
        ]
        stack = contextlib.ExitStack()
        self._folder = stack.enter_context(work_folder())
        # At the latest, when this object or the process ends.
        self._remove = weakref.finalize(self, stack.close)
        self._saved = True
        try:
            for i, variable in enumerate(self._variables):
                for j, part in enumerate(backend.parts(variable).values()):
                    # As bytes: NumPy's own format does not know bfloat16.
                    self._file(i, j).write_bytes(part.tobytes())
        except OSError as error:
            self._saved = False
            warnings.warn(
                "The weights could not be saved to the temporary folder "
                f"({error}): if training diverges to NaN they are lost.",
                stacklevel=3,
            )

    def restore(self):
        """Restores all variables; returns whether that was possible."""
        if not self._saved:
            return False
        for i, variable in enumerate(self._variables):
            saved = {
                key: np.frombuffer(
                    self._file(i, j).read_bytes(), part.dtype
                ).reshape(part.shape)
                for j, (key, part) in enumerate(backend.parts(variable).items())
            }
            backend.assign_parts(variable, saved)
        # `fit` copies the moving averages into the weights when it ends.
        for optimizer in self._optimizers:
            variables = trained_variables(optimizer)
            averages = averages_of(optimizer, variables)
            for average, variable in zip(averages, variables):
                average.assign(ops.copy(variable.value))
        return True

    def discard(self):
        self._remove()

    def _file(self, i, j):
        return self._folder / f"{i}_{j}"
