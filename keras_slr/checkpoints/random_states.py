"""Random states that a run depends on and Keras's files omit."""

import keras

from keras_slr import backend


class RandomStates:
    """Saves and loads the random states behind dropout and data order.

    These are the states of the model's layers, and the global ones of NumPy,
    which shuffles data for JAX, of Python, which shuffles a `PyDataset`, and
    of PyTorch, for its dropout. TensorFlow's own shuffling cannot be saved.

    Args:
        model: Built Keras model.
    """

    def __init__(self, model):
        self._model = model
        self._of_epoch = self._saved = {}
        # A checkpoint may be saved while batches are skipped.
        self._replaying = False

    def begin_epoch(self):
        """Keeps the global states behind the data order of the epoch."""
        self._of_epoch = backend.global_random_states()

    def replay(self):
        """Sets the global states to those at the start of the saved epoch."""
        backend.set_global_random_states(self._of_epoch)
        self._replaying = True

    def go_on(self):
        """Sets the global states to those that were saved."""
        backend.set_global_random_states(self._saved)
        self._replaying = False

    @property
    def state(self):
        """Dict of arrays."""
        layers = {
            f"layer_{i}": keras.ops.convert_to_numpy(v.value)
            for i, v in enumerate(self._variables())
        }
        now = self._saved
        if not self._replaying:
            now = backend.global_random_states()
        return (
            layers
            | _prefixed("epoch_", self._of_epoch)
            | _prefixed("now_", now)
        )

    @state.setter
    def state(self, state):
        for i, variable in enumerate(self._variables()):
            saved = state.get(f"layer_{i}")
            if saved is not None and saved.shape == tuple(variable.shape):
                variable.assign(saved.astype(variable.dtype))
        self._of_epoch = _stripped("epoch_", state)
        self._saved = _stripped("now_", state)
        self.go_on()

    def _variables(self):
        saved = {
            id(v) for v in self._model.weights + self._model.metrics_variables
        }
        return [v for v in self._model.variables if id(v) not in saved]


def _prefixed(prefix, values):
    return {prefix + name: value for name, value in values.items()}


def _stripped(prefix, values):
    return {
        name.removeprefix(prefix): value
        for name, value in values.items()
        if name.startswith(prefix)
    }
