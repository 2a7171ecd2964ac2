"""Makes a model again, with changes."""

import keras

from keras_slr.graph import graph_of
from keras_slr.graph import run
from keras_slr.shrink.remake import forget_build
from keras_slr.shrink.remake import remake
from keras_slr.shrink.state import copy_state
from keras_slr.shrink.state import to_numpy


class Rebuild:
    """Makes a model again operation by operation, each of them once.

    As it stands it copies. A subclass says what is different: shapes of
    inputs, configs of operations, weights of layers, and which operations
    are left out.
    """

    def __init__(self):
        self._copies = {}

    def rebuild(self, model):
        """Returns the new model, with weights.

        Args:
            model: Functional or Sequential model.
        """
        new = self._copy(model)
        for operation, copy in self._copies.values():
            is_model = graph_of(operation) is not None
            if isinstance(operation, keras.layers.Layer) and not is_model:
                copy_state(operation, copy, self.weights(operation))
                forget_build(copy)
        return new

    def shape(self, tensor):
        """Returns the shape of the input that takes the place of a tensor."""
        return tensor.shape

    def changes(self, operation):
        """Returns what is different in the config of an operation, a dict."""
        del operation
        return {}

    def weights(self, layer):
        """Returns the weights of a layer's copy, a list of NumPy arrays."""
        return [to_numpy(variable) for variable in layer.variables]

    def left_out(self, operation):
        """Returns whether an operation goes, its input taking its place."""
        del operation
        return False

    def _copy(self, operation):
        if id(operation) not in self._copies:
            graph = graph_of(operation)
            if isinstance(operation, keras.Sequential) and graph is not None:
                copy = self._copy_sequential(operation, graph)
            elif graph is not None:
                copy = self._copy_functional(operation, graph)
            else:
                copy = self._copy_operation(operation)
            self._copies[id(operation)] = (operation, copy)
        return self._copies[id(operation)][1]

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
                return args[0]
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

    def _copy_input(self, tensor):
        layer = tensor._keras_history.operation
        config = layer.get_config() | {"batch_shape": self.shape(tensor)}
        return type(layer).from_config(config)

    def _copy_operation(self, operation):
        def shapes():
            return [value.shape for value in self.weights(operation)]

        try:
            return remake(operation, self.changes(operation), shapes)
        except Exception as error:
            raise ValueError(
                "Expected operations that can be made again from their "
                f"`get_config()`. Received `{operation.name}` of type "
                f"{type(operation).__name__}, which cannot: {error}"
            ) from error
