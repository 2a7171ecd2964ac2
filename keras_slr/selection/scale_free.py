"""Finds scale-free kernels: those in front of a batch normalization.

The normalization cancels the scale of the kernel.
"""

import keras
from keras import layers

from keras_slr.models.graph import graph_of
from keras_slr.models.graph import graphs_in
from keras_slr.models.graph import sole_consumers


def scale_free_layers(model):
    """Returns the ids of the layers that only a batch normalization reads.

    In a subclassed model, only its parts with a known graph are searched.
    """
    return {
        id(node.operation)
        for part in graphs_in(model)
        for node, reader in sole_consumers(graph_of(part))
        if isinstance(reader.operation, layers.BatchNormalization)
        and _is_linear(node.operation)
    }


def _is_linear(layer):
    # Other layers, also custom ones, may lack the attribute.
    linear = keras.activations.linear
    return getattr(layer, "activation", None) is linear
