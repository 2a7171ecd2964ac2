"""What a compiled model holds for training."""

import contextlib


def metrics_are_made(model):
    """Returns whether the variables of a model's metrics exist."""
    # A model compiled without metrics or a loss has `None` there.
    parts = (model._compile_metrics, model._compile_loss)
    return all(part is None or part.built for part in parts)


def make_metrics(model, batch):
    """Makes the variables of a model's metrics from the shapes of a batch."""
    model._symbolic_build(data_batch=batch)


def losses_of(model):
    """Returns the `loss` and the `loss_weights` given to `compile`."""
    if not model.compiled:
        return None, None
    given = model._compile_config.config
    return given["loss"], given["loss_weights"]


@contextlib.contextmanager
def uncompiled(model):
    """Hides that a model is compiled: a clone is then not compiled either."""
    compiled = model.compiled
    model.compiled = False
    try:
        yield
    finally:
        model.compiled = compiled


def initial_epoch(model):
    """Returns the epoch that `fit` is to begin with, or `None`.

    `BackupAndRestore` sets it; it takes precedence over the argument.
    """
    return model._initial_epoch


def set_initial_epoch(model, epoch):
    """Sets the epoch that `fit` is to begin with, in `on_train_begin`."""
    model._initial_epoch = epoch


def has_validation_data(model):
    """Returns whether the running `fit` holds validation data.

    It does after its own first validation.
    """
    # Some backends have the attribute only then.
    return getattr(model, "_eval_epoch_iterator", None) is not None


def evaluate_validation_data(model):
    """Evaluates a model on the validation data that `fit` holds.

    Returns:
        Dict of metrics by name.
    """
    return model.evaluate(
        verbose=0, return_dict=True, _use_cached_eval_dataset=True
    )


def direction_of(metric):
    """Returns whether more or less of a metric is better.

    Returns:
        `"up"` or `"down"`; `None` for a metric that does not say, such as
        one of a user's class.
    """
    return getattr(metric, "_direction", None)
