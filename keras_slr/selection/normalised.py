"""Finds the layers whose kernels have a scale that changes nothing.

A batch normalization right behind a layer takes out whatever the layer's
kernel is multiplied by.
"""

import keras
from keras import layers

from keras_slr.models.graph import graph_of
from keras_slr.models.graph import graphs_in
from keras_slr.models.graph import sole_consumers


def normalised_layers(model):
    """Returns the ids of the layers that batch normalizations alone read.

    Of a subclassed model they are those in its parts with a known graph.
    """
    return {
        id(node.operation)
        for part in graphs_in(model)
        for node, reader in sole_consumers(graph_of(part))
        if isinstance(reader.operation, layers.BatchNormalization)
        and _is_linear(node.operation)
    }


def _is_linear(layer):
    # Layers of other kinds, or of the user's own, have no such attribute.
    linear = keras.activations.linear
    return getattr(layer, "activation", None) is linear
