"""Makes Keras compile a model's train step again."""

from keras_slr import backend
from keras_slr.keras_internals.instance_patch import InstancePatch


class NewTrace:
    """Compiles a train step again when attached, and when detached.

    JAX shares traces between equal functions: those of the same method, for
    one, as long as one of them is alive. A run gives it a function of its own,
    so that no step is reused that lacks the run's hook, or still has it.

    Args:
        model: Keras model.
    """

    def __init__(self, model):
        self._model = model
        self._patch = InstancePatch(model, "train_step", lambda step: step)

    def attach(self):
        if backend.TRACES_ARE_SHARED:
            self._patch.attach()
        self._model.train_function = None

    def detach(self):
        self._patch.detach()
        self._model.train_function = None
