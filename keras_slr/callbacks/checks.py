"""Checks of the arguments of pruning callbacks."""

import numbers


def check_finetune_epochs(epochs):
    """Raises a `ValueError` unless `epochs` is a number of epochs."""
    whole = isinstance(epochs, numbers.Integral)
    if not whole or isinstance(epochs, bool) or epochs < 0:
        raise ValueError(
            "Expected `finetune_epochs` to be an integer, 0 or more. "
            f"Received: finetune_epochs={epochs!r}."
        )


def check_monitor_hard_pruned(value):
    """Raises a `ValueError` unless `value` is a boolean."""
    if not isinstance(value, bool):
        raise ValueError(
            "Expected `monitor_hard_pruned` to be a boolean. Received: "
            f"monitor_hard_pruned={value!r}."
        )


def check_attached_to(run, model):
    """Raises a `ValueError` if a run is attached to another model.

    Args:
        run: `training.run.Run`.
        model: Keras model that `fit` is about to train.
    """
    if run.model is model and run.optimizers.compiled is model.optimizer:
        return
    raise ValueError(
        "Expected the model that the callback was attached to, compiled "
        f"as it was then. Received `{model.name}`, another model or "
        "compiled again: attach the callback to it first."
    )
