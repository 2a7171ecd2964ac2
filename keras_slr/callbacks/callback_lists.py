"""The `CallbackList`s that call a hook.

Keras does not pass a callback the `CallbackList` that it is part of. Two
things depend on it: whether hooks run in order, and whether a `fit` is running
when something else calls its model.
"""

import sys

import keras

from keras_slr.keras_internals.callbacks import run_batch_hooks_in_order


def callback_lists():
    """Returns the `CallbackList`s on the call stack, innermost first."""
    lists = {}
    frame = sys._getframe(1)
    while frame is not None:
        caller = frame.f_locals.get("self")
        if isinstance(caller, keras.callbacks.CallbackList):
            lists[id(caller)] = caller
        frame = frame.f_back
    return list(lists.values())


def run_in_order():
    """Makes the lists on the call stack call batch hooks in order.

    Call it in `on_train_begin`. On JAX and PyTorch Keras calls the hooks at
    the end of a batch from other threads while the next batch trains, unless
    it finds such a hook in the callbacks. It searches a list or a tuple only,
    neither a single callback nor nested lists.
    """
    for callbacks in callback_lists():
        run_batch_hooks_in_order(callbacks)


def callbacks_of_fit(callback):
    """Returns all callbacks of the `fit` that calls a hook of one of them.

    Args:
        callback: The callback whose hook is called.

    Returns:
        List of callbacks in the order of their calls, without nested lists.
        Empty if no list is on the call stack.
    """
    for callbacks in reversed(callback_lists()):
        flat = _flat(callbacks)
        if any(each is callback for each in flat):
            return flat
    return []


def _flat(callbacks):
    flat = []
    for each in callbacks.callbacks:
        nested = isinstance(each, keras.callbacks.CallbackList)
        flat += _flat(each) if nested else [each]
    return flat
