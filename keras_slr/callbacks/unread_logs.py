"""Batch ends that do not wait for the loss.

Keras turns the logs of a batch into Python numbers before it calls callbacks,
and so waits for the step, unless no callback needs them at once. Then it calls
the callbacks in threads, while the next step runs. A pruning callback must act
in the main thread, between two steps, but reads the loss only when an update
is due.
"""

import keras

from keras_slr.callbacks.callback_lists import callback_lists
from keras_slr.callbacks.callback_lists import run_in_order
from keras_slr.callbacks.training_callback import TrainingCallback
from keras_slr.keras_internals.callbacks import runs_in_threads
from keras_slr.keras_internals.instance_patch import InstancePatch


class UnreadLogs:
    """Calls one callback in the main thread, with logs that are not read.

    The other callbacks of the list run in threads, as without it.

    Args:
        callbacks: `keras.callbacks.CallbackList` of a running `fit`.
        callback: One of its callbacks, a `TrainingCallback`.
        after: Function of a batch, called after the callback.
    """

    def __init__(self, callbacks, callback, after):
        self._callback = callback
        self._after = after
        self._patch = InstancePatch(
            callbacks, "on_train_batch_end", self._preceded
        )

    def attach(self):
        self._patch.attach()

    def detach(self):
        self._patch.detach()

    def _preceded(self, others):
        def on_train_batch_end(batch, logs=None):
            self._callback.end_batch(batch, logs)
            self._after(batch)
            others(batch, logs)

        return on_train_batch_end


def unread_or_in_order(callback):
    """Returns the list of a callback if no other one needs batch ends at once.

    Otherwise makes the list call them in order.

    Args:
        callback: The callback whose `on_train_begin` is called.

    Returns:
        `keras.callbacks.CallbackList`, or `None`.
    """
    found = _list_without_readers(callback)
    if found is None:
        run_in_order()
    return found


def _list_without_readers(callback):
    lists = callback_lists()
    own = getattr(callback.on_train_batch_end, "__func__", None)
    if own is not TrainingCallback.on_train_batch_end:
        return None  # A subclass, or somebody else, has replaced it.
    if len(lists) != 1 or not runs_in_threads(lists[0]):
        return None
    others = [each for each in lists[0].callbacks if each is not callback]
    if len(others) == len(lists[0].callbacks) or any(map(_reads, others)):
        return None
    return lists[0]


def _reads(callback):
    """Whether a callback does something at the end of a batch."""
    if isinstance(callback, keras.callbacks.ProgbarLogger):
        return False
    return any(
        getattr(getattr(callback, name), "__func__", None)
        is not getattr(keras.callbacks.Callback, name)
        for name in ("on_train_batch_end", "on_batch_end")
    )
