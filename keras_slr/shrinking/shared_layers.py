"""Layers with weights that several graphs of a model use."""

import collections

import keras

from keras_slr.keras_internals.layers import layers_of
from keras_slr.models.graph import graph_of


class SharedLayers:
    """Finds models that have to become one graph, so that files keep sharing.

    Keras saves the weights of a shared layer once, but loads the layer once
    for each graph that uses it. An example is the embedding that the body of
    a language model shares with its head. In one graph it is one layer.

    Args:
        model: Functional or Sequential model.
        whole: Dict by id of models that are left whole.

    Attributes:
        joined: Set of the ids of models whose layers become layers of the
            model around them.
        operations: Set of the ids of all operations of the graphs.
        names: Dict from the id of an operation to an unused name.
    """

    def __init__(self, model, whole):
        self.operations = set()
        self._whole = whole
        self._users = collections.defaultdict(set)
        self._graphs = {}
        self._visit(model)
        shared = [users for users in self._users.values() if len(users) > 1]
        self.joined = set().union(*shared) - {id(model)}
        self.names = self._free_names(id(model))

    def _visit(self, model):
        self._graphs[id(model)] = model
        for operation in graph_of(model).operations:
            self.operations.add(id(operation))
            is_graph = graph_of(operation) is not None
            parts = [operation]
            if isinstance(operation, keras.Layer) and not is_graph:
                parts = layers_of(operation)
            for part in parts:
                if getattr(part, "variables", ()):
                    self._users[id(part)].add(id(model))
            is_new = id(operation) not in self._graphs
            if is_graph and is_new and id(operation) not in self._whole:
                self._visit(operation)

    def _free_names(self, outermost):
        taken = {x.name: x for x in self._operations_of(outermost)}
        names = {}
        for graph in self.joined:
            prefix = self._graphs[graph].name
            for operation in self._operations_of(graph):
                if taken.setdefault(operation.name, operation) is not operation:
                    names[id(operation)] = f"{prefix}_{operation.name}"
        return names

    def _operations_of(self, graph):
        operations = graph_of(self._graphs[graph]).operations
        return [
            x for x in operations if not isinstance(x, keras.layers.InputLayer)
        ]
