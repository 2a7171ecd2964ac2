"""The graph of operations in a functional model, and in tf_keras's."""


def functional_of(sequential):
    """Returns the functional model in a `Sequential`, `None` if not built."""
    return sequential._functional


def has_graph_in_keras_2(layer):
    """Returns whether a tf_keras layer is a model with a known graph."""
    # tf_keras does not export its class of functional models.
    return hasattr(layer, "_nodes_by_depth")


def nodes_of(graph):
    """Returns the nodes of a graph, from its inputs to its outputs, as a list.

    Args:
        graph: Functional model, of Keras or of tf_keras.
    """
    by_depth = graph._nodes_by_depth
    return [
        node
        for depth in sorted(by_depth, reverse=True)
        for node in by_depth[depth]
    ]


def inputs_as_tensors(graph, inputs):
    """Returns the inputs of a call as a list of tensors, one per input.

    Args:
        graph: Functional model.
        inputs: What the model is called with, in any structure it accepts.
    """
    return graph._standardize_inputs(inputs)


def calls_of(operation):
    """Returns the nodes of all calls of an operation, as a list."""
    return operation._inbound_nodes


def producer_of(tensor):
    """Returns where a `KerasTensor` comes from.

    Returns:
        Named tuple `(operation, node_index, tensor_index)`; `node_index`
        counts in `calls_of(operation)`.
    """
    return tensor._keras_history


def structures_in_keras_2(model):
    """Returns the structures of a tf_keras model's inputs and outputs."""
    return model._nested_inputs, model._nested_outputs
