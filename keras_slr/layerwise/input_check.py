"""Checks that calibration batches are inputs of the model."""

from typing import Any

import keras


def check_inputs(model: keras.Model, batch: Any) -> None:
    """Raises an error if a batch does not look like the model's inputs.

    Only models that know their inputs can be checked: Functional and
    Sequential ones.

    Args:
        model: Built Keras model.
        batch: A batch of inputs, in any structure.

    Raises:
        ValueError: If there are more arrays than the model has inputs, such
            as labels, or fewer, or if the batch is a single sample.
    """
    inputs = getattr(model, "inputs", None)
    if not inputs:
        return
    given = keras.tree.flatten(batch)
    if len(given) > len(inputs):
        raise ValueError(
            f"Expected {len(inputs)} input(s), as `model.predict` takes them. "
            f"Received {len(given)}: pass inputs alone, without labels."
        )
    if len(given) < len(inputs):
        raise ValueError(
            f"Expected {len(inputs)} inputs, as `model.predict` takes them. "
            f"Received {len(given)}: pass a list or dict with all of them."
        )
    for each, wanted in zip(given, inputs):
        if each is not None and tuple(each.shape) == tuple(wanted.shape[1:]):
            raise ValueError(
                f"Expected batches of shape {wanted.shape}. Received shape "
                f"{tuple(each.shape)}, a single sample: batch the data, for "
                "example with `dataset.batch(32)`."
            )
