"""Finds the first convolution on a model's raw input.

It has few weights and everything else depends on it: pruning it saves little
and costs much accuracy, so it is left alone by default.
"""

from keras_slr.keras_internals.graphs import calls_of
from keras_slr.keras_internals.layers import layers_of
from keras_slr.keras_internals.layers import trainable_variables_of
from keras_slr.models.graph import graph_of
from keras_slr.models.layer_table import Family
from keras_slr.models.layer_table import kernel_families


def stem_layers(model):
    """Returns the ids of the convolutions that read the raw input.

    In a model with a known graph, these are the convolutions without a layer
    with weights before them; there may be several. In a subclassed model, it
    is the first layer with weights, if that is a convolution.
    """
    graph = graph_of(model)
    if graph is not None:
        return _in_graph(graph)
    for layer in layers_of(model, include_self=False):
        if _has_kernel(layer):
            return {id(layer)} if _is_convolution(layer) else set()
    return set()


def _in_graph(graph):
    stems = set()
    behind = set()
    for operation in graph.operations:
        before = [
            node.operation
            for parent in calls_of(operation)
            for node in parent.parent_nodes
        ]
        if any(id(other) in behind for other in before):
            behind.add(id(operation))
            continue
        if graph_of(operation) is not None:
            stems |= _in_graph(graph_of(operation))
        elif _is_convolution(operation):
            stems.add(id(operation))
        if any(_has_kernel(layer) for layer in layers_of(operation)):
            behind.add(id(operation))
    return stems


def _is_convolution(layer):
    return kernel_families(layer).get("kernel") is Family.CONVOLUTION


def _has_kernel(layer):
    return any(len(v.shape) >= 2 for v in trainable_variables_of(layer))
