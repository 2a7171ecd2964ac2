"""Data sets that never end, told before they are read."""

import contextlib
from typing import Any

import keras

# `tf.data.INFINITE_CARDINALITY`.
_INFINITE = -1


def is_endless(data: Any) -> bool:
    """Returns whether a data set says that it has no last batch.

    A `tf.data.Dataset` after `repeat()` says so, and a `PyDataset` without
    `num_batches`. A generator does not tell.

    Args:
        data: What `predict` or `evaluate` takes.
    """
    if isinstance(data, keras.utils.PyDataset):
        # Without the property, Keras itself says what is missing.
        with contextlib.suppress(NotImplementedError):
            return data.num_batches is None
        return False
    cardinality = getattr(data, "cardinality", None)
    return callable(cardinality) and int(cardinality()) == _INFINITE
