"""The loss of a model on a teacher's outputs instead of the labels."""

import keras
from keras import ops

from keras_slr.keras_internals.losses import class_axis

# Their labels are class numbers.
_SPARSE = (
    keras.losses.SparseCategoricalCrossentropy,
    keras.losses.sparse_categorical_crossentropy,
)
_BINARY = (
    keras.losses.BinaryCrossentropy,
    keras.losses.BinaryFocalCrossentropy,
)
# What `compile` takes for the cross-entropy that suits the labels.
_ANY = ("crossentropy", "ce")
# Their labels are signs, sequences or class numbers, and there is no loss with
# soft labels in their place.
_WITHOUT = (
    keras.losses.Hinge,
    keras.losses.hinge,
    keras.losses.SquaredHinge,
    keras.losses.squared_hinge,
    keras.losses.CategoricalHinge,
    keras.losses.categorical_hinge,
    keras.losses.CategoricalGeneralizedCrossEntropy,
    keras.losses.categorical_generalized_cross_entropy,
    keras.losses.Circle,
    keras.losses.circle,
    keras.losses.CTC,
    keras.losses.ctc,
)


class SoftTargets:
    """The compiled loss of a model, with a teacher's outputs as labels.

    Losses of classes compare probabilities: those of the teacher are its
    outputs, or their softmax or sigmoid if the loss has `from_logits=True`.
    All other losses compare the outputs.

    Args:
        loss: The loss given to `compile`: one, or several in a list or dict.
        weights: The `loss_weights` given to `compile`, or `None`.
        names: List of strings, the names of the outputs. Defaults to `None`,
            unknown.

    Raises:
        ValueError: If a loss cannot take outputs as labels.
    """

    def __init__(self, loss, weights, names=None):
        self._names = names
        self._loss = _map(_soft, loss)
        self._weights = weights

    def __call__(self, teacher, student, sample_weight=None):
        """Returns the weighted sum of the losses of all outputs.

        Args:
            teacher: Outputs of the teacher: a tensor, or several in a list
                or dict.
            student: Outputs of the student, of the same structure and shapes.
            sample_weight: Tensor, or one for each output. Defaults to `None`.

        Returns:
            Scalar tensor.
        """
        teacher, student = self._by_name(teacher), self._by_name(student)
        loss, weights, samples = (
            self._of_outputs(given, student)
            for given in (self._loss, self._weights, sample_weight)
        )
        return sum(
            (1.0 if weights[name] is None else weights[name])
            * loss[name](teacher[name], outputs, samples[name])
            for name, outputs in student.items()
            if loss[name] is not None
        )

    def _by_name(self, outputs):
        """Returns outputs as a dict, by name or by place."""
        if isinstance(outputs, dict):
            return outputs
        if not isinstance(outputs, (list, tuple)):
            outputs = [outputs]
        return dict(zip(self._names or range(len(outputs)), outputs))

    def _of_outputs(self, given, outputs):
        """Returns what is given for each output, or for all, as a dict."""
        if isinstance(given, dict):
            return {name: given.get(name) for name in outputs}
        if isinstance(given, (list, tuple)):
            return dict(zip(outputs, given))
        return dict.fromkeys(outputs, given)


def _map(fn, given):
    if isinstance(given, dict):
        return {name: fn(each) for name, each in given.items()}
    if isinstance(given, (list, tuple)):
        return [fn(each) for each in given]
    return fn(given)


def _soft(loss):
    """Returns a function of teacher, student and sample weights."""
    if loss is None:
        return None
    if str(loss).lower() in _ANY:
        return _crossentropy
    known = keras.losses.get(loss)
    options = known.get_config() if isinstance(known, keras.losses.Loss) else {}
    if _is_one_of(known, _WITHOUT) or options.get("ignore_class") is not None:
        raise ValueError(_expected(loss))
    if _is_one_of(known, _SPARSE):
        known = keras.losses.CategoricalCrossentropy(
            from_logits=options.get("from_logits", False),
            axis=class_axis(known),
            reduction=options.get("reduction", "sum_over_batch_size"),
        )
    elif options.get("label_smoothing"):
        known = type(known).from_config(options | {"label_smoothing": 0.0})
    elif not isinstance(known, keras.losses.Loss):
        known = OfFunction(known)
    to_labels = _probabilities(known)

    def soft(teacher, student, weight):
        try:
            return known(to_labels(teacher), student, weight)
        except (TypeError, ValueError) as error:
            raise ValueError(f"{_expected(loss)} It failed: {error}") from error

    return soft


def _crossentropy(teacher, student, weight):
    """Returns the cross-entropy of probabilities of one class, or several."""
    if student.shape[-1] == 1:
        return keras.losses.BinaryCrossentropy()(teacher, student, weight)
    return keras.losses.CategoricalCrossentropy()(teacher, student, weight)


def _probabilities(loss):
    """Returns the function that turns outputs into the labels of a loss."""
    if not getattr(loss, "from_logits", False):
        return lambda outputs: outputs
    if isinstance(loss, _BINARY):
        return ops.sigmoid
    return lambda outputs: ops.softmax(outputs, axis=getattr(loss, "axis", -1))


def _expected(loss):
    return (
        "Expected a loss that can take a teacher's outputs as labels, such as "
        f"a cross-entropy or a mean squared error. Received: loss={loss!r}; "
        "compile the model with another loss, or leave out `teacher`."
    )


def _is_one_of(loss, kinds):
    return loss in kinds or type(loss) in kinds


class OfFunction(keras.losses.Loss):
    """A loss that is given as a function, with sample weights and masks."""

    def __init__(self, fn):
        super().__init__()
        self._fn = fn

    def call(self, y_true, y_pred):
        return self._fn(y_true, y_pred)
