"""The warning when `fit` ends with weights that have not settled."""

import numpy as np

from keras_slr.callbacks.hard_pruned_metrics import PREFIX
from keras_slr.reports import Report

# How to run longer, for a run that ended too early.
RUN_ON = "run `fit` again to its end"
_NO_STOP = "let `fit` run to its end (`EarlyStopping` has `start_from_epoch`)"
_STEPS = "pass the real number of batches as `steps_per_epoch`"
_BROUGHT_BACK = (
    "The weights that a callback restored at the end of `fit` had not settled "
    "and were pruned as they were: accuracy may be lower than without "
    "restoring. Let `EarlyStopping` monitor `val_hard_loss`, or set its "
    "`start_from_epoch`; or train the pruned model further inside "
    "`keras_slr.keep_masks(model)`."
)


def advice_for(model):
    """Returns how to run longer, for a run that ends with its `fit`."""
    return _NO_STOP if model.stop_training else _STEPS


def with_warning(report, run, callbacks):
    """Returns a report that warns of weights that had not settled.

    Args:
        report: `Report` of the run.
        run: `training.run.Run`, after hard pruning.
        callbacks: List of the callbacks of the `fit`.
    """
    warning = report.warning
    if _by_zeros(callbacks, run.model):
        warning = None
    elif run.brought_back:
        warning = warning or _BROUGHT_BACK
    else:
        return report
    return Report.after_pruning(run.model, report.rows, warning)


def _by_zeros(callbacks, model):
    """Whether a callback restored the best weights, measured with zeros."""
    return any(
        getattr(callback, "restore_best_weights", False)
        and callback.monitor.startswith(PREFIX)
        and callback.best_weights is not None
        and _are_with_zeros(model.get_weights(), callback.best_weights)
        for callback in callbacks
    )


def _are_with_zeros(weights, best):
    """Whether weights are the best ones except for zeros."""
    return all(
        np.all((now == 0) | (now == then)) for now, then in zip(weights, best)
    )
