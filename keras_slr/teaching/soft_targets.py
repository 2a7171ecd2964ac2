"""The loss on a teacher's outputs instead of the labels."""

from typing import Any

import keras
from keras import ops

from keras_slr.record import register

_SPARSE = (
    keras.losses.SparseCategoricalCrossentropy,
    keras.losses.sparse_categorical_crossentropy,
)
_CATEGORICAL = (
    keras.losses.CategoricalCrossentropy,
    keras.losses.categorical_crossentropy,
)
_BINARY = (
    keras.losses.BinaryCrossentropy,
    keras.losses.binary_crossentropy,
)
# Their labels are signs or sequences, which no output of a model is.
_WITHOUT = (
    keras.losses.Hinge,
    keras.losses.hinge,
    keras.losses.SquaredHinge,
    keras.losses.squared_hinge,
    keras.losses.CategoricalHinge,
    keras.losses.categorical_hinge,
    keras.losses.CTC,
    keras.losses.ctc,
)


@register
class SoftTargets(keras.distillation.DistillationLoss):
    """The student's own loss, with the teacher's outputs as its labels.

    Cross-entropies take the teacher's probabilities for labels: the softmax
    or sigmoid of its outputs, if these are logits. All other losses take its
    outputs.

    Args:
        loss: The loss of the student, as in `compile`: a loss, or losses
            nested as the outputs are. Outputs with `None` have no loss.

    Raises:
        ValueError: If a loss has labels of another kind than outputs.
    """

    def __init__(self, loss: Any):
        self.loss = loss
        self._soft = _soft(loss)

    def compute_loss(self, teacher_outputs, student_outputs, **kwargs):
        """Returns the sum of the losses of all outputs.

        Args:
            teacher_outputs: Tensor, or nested tensors.
            student_outputs: Tensors of the same structure and shapes.
            **kwargs: Not used.

        Returns:
            Scalar tensor.
        """
        del kwargs
        return _total(self._soft, teacher_outputs, student_outputs)

    def get_config(self):
        return {"loss": keras.saving.serialize_keras_object(self.loss)}

    @classmethod
    def from_config(cls, config):
        return cls(keras.saving.deserialize_keras_object(config["loss"]))


def _total(losses, teacher, student):
    """Returns the sum of nested losses of outputs nested in the same way."""
    if isinstance(losses, dict):
        return sum(_total(losses[k], teacher[k], student[k]) for k in losses)
    if isinstance(losses, list):
        return sum(map(_total, losses, teacher, student))
    return losses(teacher, student)


def _soft(loss):
    """Returns a function of the teacher's and the student's outputs.

    Args:
        loss: A loss, or nested losses; then the functions are nested.
    """
    if isinstance(loss, dict):
        return {name: _soft(own) for name, own in loss.items()}
    if isinstance(loss, (list, tuple)):
        return [_soft(own) for own in loss]
    if loss is None:
        return lambda teacher, student: 0.0
    known = keras.losses.get(loss)
    if _is_one_of(known, _WITHOUT):
        raise ValueError(
            "Expected a loss whose labels may be outputs of a teacher. "
            f"Received: loss={loss!r}; compile the model with a "
            "cross-entropy, or with a loss of regression."
        )
    options = known.get_config() if isinstance(known, keras.losses.Loss) else {}
    logits = {"from_logits": options.get("from_logits", False)}
    probabilities = _same
    if _is_one_of(known, _SPARSE + _CATEGORICAL):
        known = keras.losses.CategoricalCrossentropy(
            **logits, axis=options.get("axis", -1)
        )
        if known.from_logits:
            probabilities = ops.softmax
    elif _is_one_of(known, _BINARY):
        known = keras.losses.BinaryCrossentropy(**logits)
        if known.from_logits:
            probabilities = ops.sigmoid
    return lambda teacher, student: ops.mean(
        known(probabilities(teacher), student)
    )


def _is_one_of(loss, kinds):
    return loss in kinds or type(loss) in kinds


def _same(outputs):
    return outputs
