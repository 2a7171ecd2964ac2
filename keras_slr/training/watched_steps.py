"""Checks the weights after each step of a model, without a callback."""

from keras_slr import backend
from keras_slr.keras_internals.instance_patch import InstancePatch


class WatchedSteps:
    """Stops training after a step that fails a check.

    An exception in the middle of `fit` would lose the weights on JAX, where
    only the step holds them. So `fit` ends after the step, and the next `fit`
    or `train_on_batch` raises.

    Args:
        model: Keras model.
        check: Function of a dict, see `backend.values_after`, that raises a
            `ValueError`.
    """

    def __init__(self, model, check):
        self._model = model
        self._check = check
        self._error = None
        self._patch = InstancePatch(
            model, "make_train_function", self._watching
        )

    def attach(self):
        self._patch.attach()

    def detach(self):
        self._patch.detach()
        self._model.train_function = None

    def _watching(self, base):
        def make_train_function(force=False):
            if self._error is not None:
                raise self._error
            if self._model.train_function is None or force:
                base(force)
                self._watch()

        return make_train_function

    def _watch(self):
        step = self._model.train_function

        def watched(*args):
            result = step(*args)
            try:
                self._check(backend.values_after(self._model, result))
            except ValueError as error:
                self._error = error
                self._model.stop_training = True
            return result

        self._model.train_function = watched
