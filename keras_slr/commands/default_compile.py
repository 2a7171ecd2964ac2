"""Compiles a classifier that was saved without its training settings."""

import keras
import numpy as np

LEARNING_RATE = 1e-3


def compile_classifier(model, labels, learning_rate=None):
    """Compiles with Adam and sparse categorical cross-entropy.

    Args:
        model: Keras model whose last layer ends in softmax or in logits.
        labels: NumPy array of class numbers.
        learning_rate: Float. Defaults to `None`, `1e-3`.

    Raises:
        ValueError: If the model or the labels are not those of a classifier
            with a class number per input.
    """
    from_logits = _from_logits(model)
    classes = model.output_shape[-1]
    numbers = labels.size and np.issubdtype(labels.dtype, np.integer)
    if not numbers or labels.min() < 0 or labels.max() >= classes:
        raise ValueError(
            f"Expected labels from 0 to {classes - 1} for the uncompiled "
            f"model `{model.name}`. Received labels of type {labels.dtype}"
            + (f" from {labels.min()} to {labels.max()}" if labels.size else "")
            + ": compile the model with your own loss and save it again."
        )
    model.compile(
        keras.optimizers.Adam(
            LEARNING_RATE if learning_rate is None else learning_rate
        ),
        keras.losses.SparseCategoricalCrossentropy(from_logits=from_logits),
        metrics=["accuracy"],
    )


def _from_logits(model):
    """Returns whether a classifier's outputs are logits."""
    last = model
    while getattr(last, "layers", None):
        last = last.layers[-1]
    activation = getattr(last, "activation", None)
    if isinstance(last, keras.layers.Softmax):
        activation = keras.activations.softmax
    shape = getattr(model, "output_shape", None)
    if (
        isinstance(shape, tuple)
        and (shape[-1] or 0) > 1
        and activation in (keras.activations.softmax, keras.activations.linear)
    ):
        return activation is keras.activations.linear
    raise ValueError(
        f"Expected a compiled model, or a classifier with one softmax or "
        f"linear output of two classes or more. Received `{model.name}`, "
        f"uncompiled, with the output shape {shape} and the last layer "
        f"`{last.name}`: call `model.compile(...)` and save it again."
    )
