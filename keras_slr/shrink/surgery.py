"""Builds a model of the units that stay."""

import keras
import numpy as np

from keras_slr.graph import graph_of
from keras_slr.graph import run
from keras_slr.shrink.rules import RULES
from keras_slr.shrink.trace import name_of


class Surgeon:
    """Rebuilds a model operation by operation, each of them once.

    Args:
        cut: `plan.Cut` of the model.
    """

    def __init__(self, cut):
        self._cut = cut
        self._copies = {}
        # Constants go to the biases that are there, or to new ones.
        self._shifts = {}
        self._new_biases = {}
        for read, shift in cut.folds():
            if read.bias is None:
                self._new_biases[id(read.layer)] = (read, shift)
            else:
                shift = shift + self._shifts.get(id(read.bias), 0.0)
                self._shifts[id(read.bias)] = shift

    def rebuild(self, model):
        """Returns the smaller model, with weights.

        Args:
            model: Functional or Sequential model.
        """
        small = self._copy(model)
        for operation, copy in self._copies.values():
            is_model = graph_of(operation) is not None
            if isinstance(operation, keras.layers.Layer) and not is_model:
                self._copy_weights(operation, copy)
        return small

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
        layers = [self._copy(layer) for layer in model.layers]
        return keras.Sequential(
            [self._copy_input(graph.inputs[0]), *layers],
            name=model.name,
            trainable=model.trainable,
        )

    def _copy_functional(self, model, graph):
        inputs = [self._copy_input(tensor).output for tensor in graph.inputs]
        outputs = run(
            graph,
            inputs,
            lambda node, args, kwargs: self._copy(node.operation)(
                *args, **kwargs
            ),
        )
        pack = keras.tree.pack_sequence_as
        return keras.Model(
            pack(graph.input, inputs),
            pack(graph.output, outputs),
            name=model.name,
            trainable=model.trainable,
        )

    def _copy_input(self, tensor):
        layer = tensor._keras_history.operation
        shape = [
            self._cut.width(tensor, axis, size)
            for axis, size in enumerate(tensor.shape)
        ]
        config = layer.get_config() | {"batch_shape": shape}
        return type(layer).from_config(config)

    def _copy_operation(self, operation):
        changes = {}
        rule = RULES.get(name_of(operation))
        if rule is not None and rule.resize is not None:
            changes |= rule.resize(operation, self._cut)
        if id(operation) in self._new_biases:
            changes["use_bias"] = True
        try:
            return _made_again(operation, changes)
        except Exception as error:
            raise ValueError(
                "Expected operations that can be made again from their "
                f"`get_config()`. Received `{operation.name}` of type "
                f"{type(operation).__name__}, which cannot: {error}"
            ) from error

    def _copy_weights(self, layer, copy):
        values = [self._cut_weight(variable) for variable in layer.variables]
        if id(layer) in self._new_biases:
            read, shift = self._new_biases[id(layer)]
            values.append(shift[~self._cut.is_removed(read.outputs)])
        shapes = [value.shape for value in values]
        made = [tuple(variable.shape) for variable in copy.variables]
        if shapes != made:
            raise ValueError(
                "Expected layers whose weights follow from `get_config()`. "
                f"Received `{layer.name}` of type {type(layer).__name__}, "
                f"with weights of shapes {shapes}, whose copy has {made}."
            )
        for variable, value in zip(copy.variables, values):
            variable.assign(value)
        # Normalization keeps its statistics once more, outside its weights.
        if layer.variables and hasattr(copy, "finalize_state"):
            copy.finalize_state()

    def _cut_weight(self, variable):
        value = np.asarray(keras.ops.convert_to_numpy(variable))
        if id(variable) in self._shifts:
            shift = self._shifts[id(variable)].reshape(value.shape)
            value = (value + shift).astype(value.dtype)
        for axis in range(value.ndim):
            kept = self._cut.kept(variable, axis)
            if kept is not None:
                value = np.compress(kept, value, axis)
        return value


def _made_again(operation, changes):
    config = operation.get_config() | changes
    kind = type(operation)
    if not isinstance(operation, keras.layers.Lambda):
        return kind.from_config(config)
    # Its config holds functions as code, or as names to look up.
    functions = {
        "function": operation.function,
        "output_shape": operation._output_shape,
        "mask": operation.mask,
        "arguments": operation.arguments,
    }
    return kind(**config | functions)
