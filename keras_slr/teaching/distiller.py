"""Trains a model on what a teacher says, while a callback prunes it."""

from typing import Any

import keras

from keras_slr.models.checks import check_built
from keras_slr.models.checks import check_model


def distiller(
    model: keras.Model,
    teacher: keras.Model | None = None,
    labels: float = 0.0,
) -> Any:
    """Returns a model whose `fit` trains `model` on a teacher's outputs.

    The student, `model`, has its own loss, but with the teacher's outputs
    as labels (Hinton and others, arXiv 1503.02531, with temperature 1). All
    pruning callbacks prune the student alone:

    ```python
    student = keras_slr.distiller(model)
    student.fit(x, y, epochs=10, callbacks=[keras_slr.SLRCallback(0.9)])
    # `model` is pruned now.
    ```

    A step costs one more forward pass. Without metrics and `labels`, `fit`
    needs no `y`, so unlabelled data will do. Keras's Distiller ignores sample
    weights, `loss_weights`, and losses of layers, such as regularizers. The
    validation loss is that on the teacher's outputs.

    Args:
        model: Compiled, built Keras model.
        teacher: Keras model with inputs and outputs as those of `model`; it
            becomes untrainable. Defaults to `None`: a copy of `model` as it
            is now.
        labels: Float in `[0, 1)`, the share of the loss on the labels.
            Defaults to `0.0`.

    Returns:
        `keras.distillation.Distiller`, compiled with the optimizer, loss and
        metrics of `model`. `model` stays the same object, so it can be
        evaluated, shrunk and saved as before.

    Raises:
        ImportError: If Keras is older than 3.12, which has no Distiller.
        TypeError: If the model is not a Keras 3 model.
        ValueError: If the model is not built, not compiled with a loss, or
            cannot be copied; if its loss has labels of another kind than
            outputs; or if `labels` is outside its range.
    """
    if not hasattr(keras, "distillation"):
        raise ImportError(
            "Expected Keras 3.12 or newer, which has "
            f"`keras.distillation.Distiller`. Received: Keras "
            f"{keras.__version__}; upgrade it by `pip install -U keras`."
        )
    # Keras 3.11 cannot import this.
    from keras_slr.teaching.soft_targets import SoftTargets

    check_model(model)
    check_built(model)
    if not 0 <= labels < 1:
        raise ValueError(
            "Expected `labels`, the share of the loss on the labels, in "
            f"[0, 1). Received: labels={labels!r}; without a teacher, `fit` "
            "the model itself."
        )
    loss = _loss(model)
    made = keras.distillation.Distiller(
        _copy(model) if teacher is None else teacher,
        model,
        SoftTargets(loss),
        student_loss_weight=labels,
    )
    made.compile(
        model.optimizer,
        loss,
        metrics=_metrics(model),
        run_eagerly=model.run_eagerly,
        steps_per_execution=model.steps_per_execution,
        jit_compile=model.jit_compile,
    )
    return made


def _loss(model):
    """Returns the loss of `compile`, nested as the outputs are."""
    loss = getattr(model, "loss", None)
    if loss is None:
        raise ValueError(
            "Expected a model compiled with a loss. Received "
            f"`{model.name}` without one: call `model.compile(...)` first."
        )
    outputs = getattr(model, "output", None)
    if isinstance(loss, dict) and isinstance(outputs, (list, tuple)):
        return [loss.get(name) for name in model.output_names]
    return loss


def _metrics(model):
    """Returns new metrics like those of `compile`."""
    metrics = model.get_compile_config().get("metrics")
    return keras.saving.deserialize_keras_object(metrics)


def _copy(model):
    """Returns a copy of a model with its weights."""
    try:
        copy = keras.models.clone_model(model)
        copy.set_weights(model.get_weights())
    except Exception as error:
        raise ValueError(
            "Expected a model that `keras.models.clone_model` can copy as "
            f"the teacher. Received `{model.name}`, for which that failed: "
            f"{error}. Pass a teacher, such as a second model of the same "
            "class with the dense weights."
        ) from error
    return copy
