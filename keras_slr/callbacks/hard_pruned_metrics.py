"""Validation of the hard-pruned weights in the middle of a run."""

import contextlib

import keras

from keras_slr import backend
from keras_slr.keras_internals.callbacks import holds_averages
from keras_slr.keras_internals.models import evaluate_validation_data
from keras_slr.keras_internals.models import has_validation_data
from keras_slr.training.hard_pruned import hard_pruned

PREFIX = "val_hard_"


def hard_pruned_metrics(run, callbacks, logs):
    """Evaluates the hard-pruned weights, then restores the weights.

    Uses the validation data of the `fit`.

    Args:
        run: `training.run.Run` inside `fit`, at the end of an epoch, or
            `None` in fine-tuning.
        callbacks: List of all callbacks of the `fit`. With a
            `SwapEMAWeights` among them the moving averages are evaluated, as
            in the validation of `fit`.
        logs: Dict, the logs of the epoch.

    Returns:
        Dict of `val_hard_...` metrics, empty if `fit` has no validation
        data.
    """
    if run is None:
        # `fit` validated the hard-pruned weights.
        return {
            name.replace("val_", PREFIX, 1): value
            for name, value in logs.items()
            if name.startswith("val_")
        }
    if not has_validation_data(run.model):
        return {}
    with (
        _averages_in(callbacks),
        hard_pruned(run),
        backend.random_state_kept(),
    ):
        metrics = evaluate_validation_data(run.model)
    return {PREFIX + name: value for name, value in metrics.items()}


@contextlib.contextmanager
def _averages_in(callbacks):
    swaps = [
        callback
        for callback in callbacks
        if isinstance(callback, keras.callbacks.SwapEMAWeights)
        and not holds_averages(callback)
    ]
    for swap in swaps:
        swap.on_test_begin()
    try:
        yield
    finally:
        for swap in swaps:
            swap.on_test_end()
