"""Leaves the losses that calls of layers add as they are."""

import contextlib

from keras_slr.completed import completed
from keras_slr.keras_internals.layers import added_losses_of
from keras_slr.keras_internals.layers import layers_of


@contextlib.contextmanager
def added_losses_kept(operations):
    """Restores the losses that some operations have from their last calls.

    Args:
        operations: List of Keras operations.
    """
    found = [
        added_losses_of(layer)
        for operation in operations
        for layer in layers_of(operation)
    ]
    before = [list(losses) for losses in found]
    try:
        yield
    finally:
        completed(lambda: _put(before, found))


def _put(before, found):
    for losses, old in zip(found, before):
        losses[:] = old
