"""Trains a model on the outputs of a teacher while `fit` runs."""

import random

import keras
from keras import ops

from keras_slr.keras_internals.instance_patch import InstancePatch
from keras_slr.keras_internals.models import losses_of
from keras_slr.keras_internals.models import uncompiled
from keras_slr.models.checks import check_built
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


def teacher_of(model, teacher):
    """Returns the `Teacher` of a model, or `None` if `teacher` is."""
    return None if teacher is None else Teacher(model, teacher)


class Teacher:
    """Replaces the labels of a model by a teacher's outputs while attached.

    Training steps compute the compiled loss with these labels, as in
    arXiv 1503.02531 at temperature 1. Losses of layers are added as usual.
    Metrics and validation use the labels.

    Args:
        model: Compiled, built Keras model.
        teacher: Keras model with inputs and outputs like those of `model`, or
            `"dense"` for a copy of `model` as it is now.

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

    def attach(self):
        self._patch.attach()

    def detach(self):
        self._patch.detach()

    def check_used(self):
        """Raises a `ValueError` if no training step has asked for the loss."""
        if not self._used:
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
            if x is None:
                raise ValueError(
                    "Expected a training step that passes `x` to "
                    "`compute_loss`, because a teacher reads it. Received "
                    f"none in the step of `{self._model.name}`; pass it, or "
                    "leave out `teacher`."
                )
            self._used = True
            outputs = keras.tree.map_structure(
                ops.stop_gradient, self._teacher(x, training=False)
            )
            loss = self._loss(outputs, y_pred, sample_weight)
            return loss + sum(
                ops.sum(ops.cast(own, loss.dtype)) for own in self._model.losses
            )

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
    state = random.getstate()
    try:
        with uncompiled(model):
            copy = keras.models.clone_model(model)
        if type(copy).call is not type(model).call:
            raise ValueError("the copy has another `call`")
        copy.set_weights(model.get_weights())
    except Exception as error:
        raise ValueError(
            "Expected a model that `keras.models.clone_model` can copy, as "
            f"teacher='dense' asks for. Received `{model.name}`, for which "
            f"that failed: {error}. Pass a teacher, such as a second model of "
            "the same class with the dense weights."
        ) from error
    finally:
        # Seeds of new layers come from here, and so may the order of data.
        random.setstate(state)
    return copy


def _check_fits(model, teacher):
    check_built(teacher)
    own = {id(variable) for variable in model.variables}
    shared = [v.path for v in teacher.variables if id(v) in own]
    if shared:
        raise ValueError(
            "Expected a teacher with weights of its own. Received "
            f"`{teacher.name}`, which shares `{shared[0]}` with the model; "
            "pass teacher='dense' for a copy of the model."
        )
    shapes = [getattr(each, "output_shape", None) for each in (model, teacher)]
    if None not in shapes and not _match(*map(_flat, shapes)):
        raise ValueError(
            "Expected a teacher with outputs of the shape of the model's, "
            f"{shapes[0]}. Received `{teacher.name}`, whose outputs have "
            f"shape {shapes[1]}."
        )


def _flat(shape):
    """Returns the sizes in a shape, or in the shapes of several outputs."""
    if isinstance(shape, dict):
        shape = [shape[name] for name in sorted(shape)]
    if isinstance(shape, (list, tuple)):
        return [len(shape)] + [size for part in shape for size in _flat(part)]
    return [shape]


def _match(one, other):
    """Whether sizes are equal, or unknown."""
    return len(one) == len(other) and all(
        a == b or None in (a, b) for a, b in zip(one, other)
    )
