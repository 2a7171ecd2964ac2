"""The arguments of pruning callbacks: their checks, and those in configs."""

import numbers

import keras

from keras_slr.grids.check import check_no_grid

# Those that are records, which Keras serializes.
_RECORDS = (
    "structure",
    "allocation",
    "budget",
    "solver",
    "score",
    "constraint",
)


def config_of(callback):
    """Returns the arguments of a callback as plain values.

    Args:
        callback: `PruningCallback`.
    """
    pruner, teacher = callback.pruner, callback.teacher
    return pruner.plan.get_config() | {
        "solver": keras.saving.serialize_keras_object(pruner.solver),
        "update_every": pruner.update_every,
        "finetune_epochs": callback.finetune_epochs,
        "monitor_hard_pruned": callback.monitor_hard_pruned,
        "score": keras.saving.serialize_keras_object(pruner.score),
        "teacher": teacher if isinstance(teacher, str) else None,
    }


def records_in(config):
    """Returns the records in the config of a callback, by their names."""
    return {
        name: keras.saving.deserialize_keras_object(config[name])
        for name in _RECORDS
        if name in config
    }


def solver_or_default(solver, default):
    """Returns a solver, or a new one of the class's own method.

    Args:
        solver: `Solver`, or `None`.
        default: Subclass of `Solver`, or `None` if the class has no method.

    Raises:
        TypeError: If there is neither.
    """
    if solver is None and default is None:
        raise TypeError(
            "Expected a `solver`, or a subclass that has one, such as "
            "SLRCallback. Received a PruningCallback without it."
        )
    return default() if solver is None else solver


def check_finetune_epochs(epochs, constraint=None):
    """Raises a `ValueError` unless `epochs` is a number of epochs.

    Args:
        epochs: Integer.
        constraint: `Grid`, beside which there is no fine-tuning. Defaults to
            `None`.
    """
    whole = isinstance(epochs, numbers.Integral)
    if not whole or isinstance(epochs, bool) or epochs < 0:
        raise ValueError(
            "Expected `finetune_epochs` to be an integer, 0 or more. "
            f"Received: finetune_epochs={epochs!r}."
        )
    if epochs:
        check_no_grid(
            constraint,
            f"finetune_epochs={epochs}, which would train weights off the grid",
            "leave one of them out",
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
