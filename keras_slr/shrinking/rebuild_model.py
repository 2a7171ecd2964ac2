"""Rebuilds a model operation by operation, with changes."""

import keras

from keras_slr.keras_internals.graphs import producer_of
from keras_slr.keras_internals.layers import is_of_keras
from keras_slr.keras_internals.layers import layers_of
from keras_slr.models.graph import graph_of
from keras_slr.models.graph import run
from keras_slr.models.graph import takes_in_order
from keras_slr.shrinking.rebuild_layer import forget_build
from keras_slr.shrinking.rebuild_layer import remake
from keras_slr.shrinking.shared_layers import SharedLayers
from keras_slr.shrinking.state import copy_state
from keras_slr.shrinking.state import to_numpy
from keras_slr.shrinking.whole_models import whole_models


class Rebuild:
    """Rebuilds a model, each of its operations once.

    This class copies. A subclass changes shapes of inputs, configs of
    operations and weights of layers, and drops operations.
    """

    def __init__(self):
        self._copies = {}
        self._whole = {}
        self._shared = None

    def rebuild(self, model):
        """Returns the new model, with weights.

        Args:
            model: Functional or Sequential model.
        """
        self._whole = whole_models(model, self.is_known)
        self._shared = SharedLayers(model, self._whole)
        new = self._copy(model)
        for operation, copy in self._copies.values():
            is_layer = isinstance(operation, keras.layers.Layer)
            if is_layer and self._graph_of(operation) is None:
                copy_state(operation, copy, self.weights(operation))
                forget_build(copy)
        return new

    def shape(self, tensor):
        """Returns the shape of the input that replaces a tensor."""
        return tensor.shape

    def is_known(self, operation):
        """Returns whether an operation is replaced, not copied."""
        del operation
        return False

    def replacement(self, operation, name):
        """Returns the replacement of an operation, if it is not copied.

        Args:
            operation: Keras operation.
            name: String, the name of the replacement.
        """
        del operation, name

    def changes(self, operation):
        """Returns the changes to the config of an operation, a dict."""
        del operation
        return {}

    def weights(self, layer):
        """Returns the weights of a layer's copy, a list of NumPy arrays."""
        return [to_numpy(variable) for variable in layer.variables]

    def left_out(self, operation):
        """Returns whether an operation is dropped and its input passed on."""
        del operation
        return False

    def _graph_of(self, operation):
        return None if id(operation) in self._whole else graph_of(operation)

    def _copy(self, operation):
        if id(operation) not in self._copies:
            graph = self._graph_of(operation)
            if graph is not None and self._stays_sequential(operation):
                copy = self._copy_sequential(operation, graph)
            elif graph is not None:
                copy = self._copy_functional(operation, graph)
            else:
                copy = self._copy_operation(operation)
            self._copies[id(operation)] = (operation, copy)
        return self._copies[id(operation)][1]

    def _stays_sequential(self, model):
        joined = self._shared.joined
        return isinstance(model, keras.Sequential) and not any(
            id(layer) in joined for layer in model.layers
        )

    def _copy_sequential(self, model, graph):
        layers = [
            self._copy(layer)
            for layer in model.layers
            if not self.left_out(layer)
        ]
        return keras.Sequential(
            [self._copy_input(graph.inputs[0]), *layers],
            name=model.name,
            trainable=model.trainable,
        )

    def _copy_functional(self, model, graph):
        def call(node, args, kwargs):
            if self.left_out(node.operation):
                return _tensors_in(args, kwargs)[0]
            tensors = self._of_joined(node.operation, args, kwargs)
            if tensors is not None:
                return run(graph_of(node.operation), tensors, call)
            return self._copy(node.operation)(*args, **kwargs)

        inputs = [self._copy_input(tensor).output for tensor in graph.inputs]
        outputs = run(graph, inputs, call)
        pack = keras.tree.pack_sequence_as
        return keras.Model(
            pack(graph.input, inputs),
            pack(graph.output, outputs),
            name=model.name,
            trainable=model.trainable,
        )

    def _of_joined(self, operation, args, kwargs):
        """Returns the inputs of a model that becomes part of another."""
        if id(operation) not in self._shared.joined:
            return None
        tensors = _tensors_in(args, kwargs)
        shapes = [x.shape for x in tensors]
        fits = takes_in_order(graph_of(operation), args, shapes)
        return tensors if fits and kwargs.get("training") is None else None

    def _copy_input(self, tensor):
        layer = producer_of(tensor).operation
        config = layer.get_config() | {"batch_shape": self.shape(tensor)}
        return type(layer).from_config(config)

    def _copy_operation(self, operation):
        def shapes():
            return [value.shape for value in self.weights(operation)]

        name = self._shared.names.get(id(operation), operation.name)
        changes = self.changes(operation)
        if name != operation.name:
            changes = changes | {"name": name}
        try:
            new = self.replacement(operation, name)
            if new is not None:
                return new
            parts = self._copies_of_parts(operation)
            return remake(operation, changes, shapes, parts)
        except Exception as error:
            raise ValueError(
                "Expected operations that can be rebuilt from their "
                f"`get_config()`. Received `{operation.name}` of type "
                f"{type(operation).__name__}, which cannot: {error}"
            ) from error

    def _copies_of_parts(self, operation):
        """Returns the copies of layers that are also parts of another layer."""
        if not isinstance(operation, keras.Layer):
            return {}
        if graph_of(operation) is not None:
            return {}
        return {
            id(part): self._copy(part)
            for part in layers_of(operation, include_self=False)
            if id(part) in self._shared.operations
        }


def _tensors_in(args, kwargs):
    """Returns the Keras tensors in the arguments of a call, a list."""
    return [
        x
        for x in keras.tree.flatten((args, kwargs))
        if isinstance(x, keras.KerasTensor)
    ]


def copy_of(model):
    """Returns a copy of a built model that is not compiled.

    Args:
        model: Built Keras model. A model of a custom class must be able to
            be rebuilt from its config.
    """
    if is_of_keras(type(model)):
        return Rebuild().rebuild(model)
    copy = remake(model, {})
    copy_state(model, copy)
    return copy
