"""Trains a model on the outputs of a teacher while `fit` runs."""

import keras
from keras import ops

from keras_slr.keras_internals.instance_patch import InstancePatch
from keras_slr.keras_internals.models import losses_of
from keras_slr.keras_internals.models import uncompiled
from keras_slr.teaching.soft_targets import SoftTargets

DENSE = "dense"


def checked_teacher(teacher):
    """Returns the `teacher` of a callback.

    Args:
        teacher: Keras model, `"dense"` or `None`.

    Raises:
        TypeError: If it is something else.
    """
    if teacher in (None, DENSE) or isinstance(teacher, keras.Model):
        return teacher
    raise TypeError(
        "Expected `teacher` to be a Keras model, 'dense' for a copy of the "
        f"model before pruning, or None. Received: {teacher!r}."
    )


class Teacher:
    """Replaces the labels of a model by a teacher's outputs while attached.

    Training steps compute the compiled loss with these labels, as in
    arXiv 1503.02531 at temperature 1. Losses of layers are added as usual.
    Metrics and validation use the labels.

    Args:
        model: Compiled, built Keras model.
        teacher: Keras model with inputs and outputs like those of `model`, or
            `"dense"` for a copy of `model` as it is now.

    Attributes:
        awaited: Boolean, whether a training step has begun since `attach`.

    Raises:
        ValueError: If `model` cannot be copied, has no loss or one that cannot
            take outputs as labels, or computes its loss itself; or if the
            teacher's outputs have other shapes, or it shares weights with
            `model`.
    """

    def __init__(self, model, teacher):
        self._model = model
        self._loss = _loss_of(model)
        if teacher == DENSE:
            teacher = _copy(model)
        else:
            _check_fits(model, teacher)
        self._teacher = teacher
        self._patch = InstancePatch(model, "compute_loss", self._replace)
        self._used = False
        self.awaited = False

    def attach(self):
        self._patch.attach()

    def detach(self):
        self._patch.detach()

    def check_used(self):
        """Raises a `ValueError` if training steps do not ask for the loss."""
        if self.awaited and not self._used:
            raise ValueError(
                "Expected a training step that calls `compute_loss`, whose "
                "labels a teacher replaces. Received "
                f"`{self._model.name}` of type {type(self._model).__name__}, "
                "whose `train_step` does not; call it there, or leave out "
                "`teacher`."
            )

    def _replace(self, compute_loss):
        def taught(
            x=None,
            y=None,
            y_pred=None,
            sample_weight=None,
            training=True,
            **kwargs,
        ):
            if not training:
                return compute_loss(
                    x, y, y_pred, sample_weight, training=training, **kwargs
                )
            self._used = True
            outputs = keras.tree.map_structure(
                ops.stop_gradient, self._teacher(x, training=False)
            )
            loss = self._loss(outputs, y_pred, sample_weight)
            of_layers = self._model.losses
            return loss + sum(ops.cast(own, loss.dtype) for own in of_layers)

        return taught


def _loss_of(model):
    """Returns the `SoftTargets` of a compiled model."""
    loss, weights = losses_of(model)
    if loss is None:
        raise ValueError(
            "Expected a model compiled with a `loss`, whose labels a teacher "
            f"replaces. Received `{model.name}` without one: call "
            "`model.compile(optimizer, loss)`, or leave out `teacher`."
        )
    if type(model).compute_loss is not keras.Model.compute_loss:
        raise ValueError(
            "Expected a model with the `compute_loss` of `keras.Model`, whose "
            f"labels a teacher replaces. Received `{model.name}` of type "
            f"{type(model).__name__}, which has its own; ask the teacher "
            "there, and leave out `teacher`."
        )
    return SoftTargets(loss, weights, getattr(model, "output_names", None))


def _copy(model):
    """Returns a copy of a model with its weights."""
    try:
        with uncompiled(model):
            copy = keras.models.clone_model(model)
        copy.set_weights(model.get_weights())
    except Exception as error:
        raise ValueError(
            "Expected a model that `keras.models.clone_model` can copy, as "
            f"teacher='dense' asks for. Received `{model.name}`, for which "
            f"that failed: {error}. Pass a teacher, such as a second model of "
            "the same class with the dense weights."
        ) from error
    return copy


def _check_fits(model, teacher):
    own = {id(variable) for variable in model.variables}
    shared = [v.path for v in teacher.variables if id(v) in own]
    if shared:
        raise ValueError(
            "Expected a teacher with weights of its own. Received "
            f"`{teacher.name}`, which shares `{shared[0]}` with the model; "
            "pass teacher='dense' for a copy of the model."
        )
    shapes = [getattr(each, "output_shape", None) for each in (model, teacher)]
    if None not in shapes and shapes[0] != shapes[1]:
        raise ValueError(
            "Expected a teacher with outputs of the shape of the model's, "
            f"{shapes[0]}. Received `{teacher.name}`, whose outputs have "
            f"shape {shapes[1]}."
        )
