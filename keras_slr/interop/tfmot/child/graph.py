"""Walks the graph of layers of a tf_keras model."""

import keras

from keras_slr.keras_internals.graphs import nodes_of


def run(graph, inputs, call):
    """Goes through the nodes of a tf_keras model, as `models.graph.run` does.

    Args:
        graph: tf_keras functional or sequential model.
        inputs: List with one value of any kind per input of the model.
        call: Function of a node and of its arguments, in which values stand
            where tensors were; returns one value per output tensor, in any
            structure.

    Returns:
        List with one value per output of the model.
    """
    values = {id(tensor): x for tensor, x in zip(graph.inputs, inputs)}

    def value_of(leaf):
        return values.get(id(leaf), leaf)

    for node in nodes_of(graph):
        if node.is_input:
            continue
        outputs = call(
            node,
            keras.tree.map_structure(value_of, node.call_args),
            keras.tree.map_structure(value_of, node.call_kwargs),
        )
        values |= {
            id(tensor): x
            for tensor, x in zip(
                keras.tree.flatten(node.outputs), keras.tree.flatten(outputs)
            )
        }
    return [values[id(tensor)] for tensor in graph.outputs]
