"""Inner models that only their own class can rebuild."""

import json

import keras

from keras_slr.keras_internals.layers import is_of_keras
from keras_slr.models.graph import graph_of
from keras_slr.shrinking.rebuild_layer import remake


def whole_models(model, is_known=lambda operation: False):
    """Finds the inner models that cannot be taken apart.

    Such a model has a custom class and a layer that cannot be saved by
    itself: its `get_config` lacks arguments, or they do not survive JSON.

    Args:
        model: Functional or Sequential model.
        is_known: Function of an operation that returns whether it can be
            rebuilt in another way. Defaults to one that knows none.

    Returns:
        Dict of Keras models, by their id.
    """
    found = {}
    for operation in graph_of(model).operations:
        if graph_of(operation) is None:
            continue
        if not is_of_keras(type(operation)) and any(
            not (is_of_keras(type(part)) or is_known(part) or _loads(part))
            for part in _operations(operation)
        ):
            found[id(operation)] = operation
        else:
            found |= whole_models(operation, is_known)
    return found


def _operations(model):
    """Returns the operations of a model and of Keras's models in it."""
    operations = []
    for operation in graph_of(model).operations:
        if graph_of(operation) is None:
            operations.append(operation)
        elif is_of_keras(type(operation)):
            operations += _operations(operation)
    return operations


def _loads(operation):
    try:
        copy = remake(operation, {})
        config = keras.saving.serialize_keras_object(copy)["config"]
        type(copy).from_config(json.loads(json.dumps(config)))
    # Whatever the methods of the class raise.
    except Exception:
        return False
    return True
