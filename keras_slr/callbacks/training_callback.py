"""A callback that knows whether its `set_model` begins training.

Keras calls it for `fit`, `evaluate`, `predict` and for a `CallbackList` made
by hand, and does not say which. During a `fit`, only the next call tells
whether it began another `fit`, after one that raised, or an `evaluate`.
"""

from typing import Any

import keras

from keras_slr.callbacks.fit_guard import FitGuard
from keras_slr.keras_internals.callbacks import unsynced_model
from keras_slr.models.checks import check_model


def sync(callback):
    """Brings a model's variables up to date, inside an epoch.

    On JAX they are whenever a callback reads its `model`.
    """
    return callback.model


class TrainingCallback(keras.callbacks.Callback):
    """Calls `take_over` when training with the callback begins.

    A subclass attaches to the model in it, behind a `FitGuard`, and has a
    method `abandon` that detaches.
    """

    # Keras then leaves it to the other callbacks of a list whether it calls
    # batch ends from threads. Pruning acts in the main thread in any case.
    async_safe = True

    def __init__(self):
        super().__init__()
        self._fitting = self._by_hand = False
        # Whether `UnreadLogs` calls `end_batch`. It stays so when a run ends:
        # a thread that lags behind may still call `on_train_batch_end`.
        self.unread = False
        self._params_of_waiting = None

    def take_over(self, model: keras.Model) -> None:
        """Attaches to a model that is about to train with this callback.

        Args:
            model: Keras model.
        """
        if self._params_of_waiting is not None:
            super().set_params(self._params_of_waiting)
            self._params_of_waiting = None
        self._fitting = False
        FitGuard.clear(model, self)

    def set_model(self, model):
        check_model(model)
        super().set_model(model)
        guard = FitGuard.of(model)
        if guard is not None and guard.begun:
            guard.wait(self)
        else:
            self.take_over(model)

    def set_params(self, params):
        if self._waits:
            self._params_of_waiting = params
        else:
            super().set_params(params)

    def on_train_begin(self, logs=None):
        if self._waits:
            self._stop_waiting()
            self.take_over(self._unsynced_model)
        # `fit` has made the function by now. A loop around `train_on_batch`
        # makes it in its first step.
        self._by_hand = self._unsynced_model.train_function is None
        if "epochs" not in (self.params or {}):
            self.abandon()
            raise ValueError(
                "Expected the number of epochs. Received a CallbackList "
                "without it: pass `epochs` and `steps` where you make it."
            )
        self._fitting = True

    def on_train_batch_end(self, batch, logs=None):
        if not self.unread:
            self.end_batch(batch, logs)

    def end_batch(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Acts at the end of a batch, in the main thread."""

    def on_test_begin(self, logs=None):
        # `evaluate(callbacks=[...])` has called `set_model` as `fit` does.
        if self._waits:
            self._stop_waiting()
        elif not self._fitting:
            self.abandon()

    def on_predict_begin(self, logs=None):
        self.on_test_begin(logs)

    @property
    def _unsynced_model(self):
        """The model, whose variables JAX may not have updated yet."""
        return unsynced_model(self)

    @property
    def _waits(self):
        """Whether the guard has deferred this callback's `set_model`."""
        guard = (
            None
            if self._unsynced_model is None
            else FitGuard.of(self._unsynced_model)
        )
        return guard is not None and guard.waiting is self

    def _stop_waiting(self):
        FitGuard.of(self._unsynced_model).waiting = None
