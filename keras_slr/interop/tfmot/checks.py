"""Checks of a model before a child process is started for it."""

import keras

from keras_slr.models.checks import check_built
from keras_slr.models.checks import check_model
from keras_slr.models.graph import check_graph
from keras_slr.models.graph import graph_of


def check_convertible(model):
    """Raises if a model is not made of Keras's own layers.

    Args:
        model: Object of any kind.

    Raises:
        TypeError: If it is not a Keras 3 model.
        ValueError: If it is not built, has no known graph, or holds a layer
            or operation that is not a layer of Keras.
    """
    check_model(model)
    check_built(model)
    check_graph(model)
    for operation in _operations(model):
        kind = type(operation)
        own = getattr(keras.layers, kind.__name__, None) is kind
        if not own or kind is keras.layers.Lambda:
            raise ValueError(
                "Expected a model of Keras's own layers, received "
                f"`{model.name}` with `{operation.name}` ({kind.__name__}), "
                "which tf_keras does not have: put layers of Keras in its "
                "place."
            )


def _operations(model):
    for operation in graph_of(model).operations:
        inner = graph_of(operation)
        if inner is None:
            yield operation
        else:
            yield from _operations(inner)
