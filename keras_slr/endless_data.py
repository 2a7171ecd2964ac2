"""Recognizes data sets that never end, before anything is read."""

import contextlib
from typing import Any

import keras

# `tf.data.INFINITE_CARDINALITY`.
_INFINITE = -1


def is_endless(data: Any) -> bool:
    """Returns whether a data set says that it has no last batch.

    A `tf.data.Dataset` after `repeat()` says so, and so does a `PyDataset`
    whose `num_batches` is `None`. A generator does not tell.

    Args:
        data: What `predict` or `evaluate` takes.
    """
    if isinstance(data, keras.utils.PyDataset):
        # If the property is missing, Keras itself reports that later.
        with contextlib.suppress(NotImplementedError):
            return data.num_batches is None
        return False
    cardinality = getattr(data, "cardinality", None)
    return callable(cardinality) and int(cardinality()) == _INFINITE
