"""Checks of the callbacks that monitor `val_hard_...` metrics."""

import keras

from keras_slr.callbacks.callback_lists import callbacks_of_fit
from keras_slr.callbacks.hard_pruned_checkpoint import HardPrunedCheckpoint
from keras_slr.callbacks.hard_pruned_metrics import PREFIX


def check_monitors(pruning):
    """Raises if a callback monitors `val_hard_...` in vain.

    Call it in `on_train_begin`.

    Args:
        pruning: The pruning callback, with `monitor_hard_pruned`.

    Raises:
        ValueError: If another callback of the `fit` monitors `val_hard_...`
            and the metric is not logged, or is logged after it, or the
            callback would save weights without the zeros.
    """
    before = True
    for callback in callbacks_of_fit(pruning):
        if callback is pruning:
            before = False
        elif _watches(callback):
            _check(callback, pruning, before)


def _watches(callback):
    monitor = getattr(callback, "monitor", None)
    if not isinstance(monitor, str) or not monitor.startswith(PREFIX):
        return False
    # Without `save_best_only` a checkpoint monitors nothing.
    return getattr(callback, "save_best_only", True)


def _check(callback, pruning, before):
    name, monitor = type(callback).__name__, callback.monitor
    received = f"Received {name} with monitor={monitor!r}"
    zeros = isinstance(callback, HardPrunedCheckpoint)
    if isinstance(callback, keras.callbacks.ModelCheckpoint) and not zeros:
        raise ValueError(
            "Expected a checkpoint that saves what it monitors. "
            f"{received}, whose file would have the weights without the "
            "zeros: use `keras_slr.HardPrunedCheckpoint`."
        )
    if not pruning.monitor_hard_pruned:
        raise ValueError(
            f"Expected a monitored metric to be logged. {received}: pass "
            f"`monitor_hard_pruned=True` to {type(pruning).__name__}."
        )
    if before:
        raise ValueError(
            f"Expected a monitored metric to be logged first. {received}: "
            f"list {type(pruning).__name__} before it."
        )
    op = getattr(callback, "monitor_op", None)
    if not zeros and op is None and getattr(callback, "mode", "") == "auto":
        raise ValueError(
            "Expected a `mode` where Keras does not know a metric's direction. "
            f"{received}: pass `mode='min'` or `mode='max'` to it."
        )
