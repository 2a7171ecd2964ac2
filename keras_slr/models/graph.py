"""Walks the operation graph of a Keras model."""

import collections

import keras

from keras_slr.keras_internals.graphs import functional_of
from keras_slr.keras_internals.graphs import nodes_of
from keras_slr.keras_internals.layers import children_of
from keras_slr.keras_internals.layers import layers_of


def graph_of(operation):
    """Returns the functional model that holds a model's graph.

    A Sequential keeps its graph in a functional model of its own.

    Args:
        operation: Keras operation, layer or model.

    Returns:
        Functional model, or `None` if the operation has no known graph.
    """
    graph = operation
    if isinstance(operation, keras.Sequential):
        graph = functional_of(operation)
    return graph if isinstance(graph, keras.Function) else None


def graphs_in(layer):
    """Returns the outermost models with a known graph.

    Args:
        layer: Keras layer or model.

    Returns:
        List of Keras models: `layer` itself, or the outermost ones in it.
    """
    if graph_of(layer) is not None:
        return [layer]
    found = [
        graph for child in children_of(layer) for graph in graphs_in(child)
    ]
    return list({id(graph): graph for graph in found}.values())


def check_graph(model):
    """Raises a `ValueError` if the graph of a model is not known."""
    if graph_of(model) is None:
        raise ValueError(
            "Expected a Functional or Sequential model, whose graph of "
            f"layers is known. Received `{model.name}` of type "
            f"{type(model).__name__}: make its graph known with `x = "
            "keras.Input(shape)` and `keras.Model(x, model.call(x))`."
        )


def run(graph, inputs, call):
    """Goes through the nodes of a graph, from its inputs to its outputs.

    Args:
        graph: Functional model.
        inputs: List with one value of any kind per input of the graph.
        call: Function of a Keras node and of its arguments, in which values
            stand where tensors were; returns one value per output tensor, in
            any structure.

    Returns:
        List with one value per output of the graph.
    """
    values = {id(tensor): x for tensor, x in zip(graph.inputs, inputs)}
    for node in nodes_of(graph):
        if node.is_input:
            continue
        outputs = call(node, *node.arguments.fill_in(values))
        values |= {
            id(tensor): x
            for tensor, x in zip(node.outputs, keras.tree.flatten(outputs))
        }
    return [values[id(tensor)] for tensor in graph.outputs]


def takes_in_order(graph, args, shapes):
    """Returns whether a call passes the inputs of a graph, in order.

    Args:
        graph: Functional model.
        args: Tuple, the positional arguments of the call.
        shapes: List of tuples, the shapes of the tensors in the arguments.
    """
    is_dict = bool(args) and isinstance(args[0], dict)
    return is_dict == isinstance(graph.input, dict) and [
        len(shape) for shape in shapes
    ] == [len(tensor.shape) for tensor in graph.inputs]


def sole_consumers(graph):
    """Finds operations whose output one other operation alone reads.

    Nested models are searched too. Operations that are called several times
    are left out.

    Args:
        graph: Functional model.

    Returns:
        List of pairs of Keras nodes: the call of an operation and the call
        that reads its output.
    """
    calls, readers = [], {}
    for part in _all_graphs(graph, {}).values():
        calls += [node for node in nodes_of(part) if not node.is_input]
        for tensor in part.outputs:
            # The outputs of a model are read outside it.
            readers.setdefault(id(tensor), []).append(None)
    for node in calls:
        for tensor in node.input_tensors:
            readers.setdefault(id(tensor), []).append(node)
    times = collections.Counter(id(node.operation) for node in calls)
    # A layer that wraps another one calls it, too.
    wrapping = {id(node.operation): node.operation for node in calls}
    for operation in wrapping.values():
        if isinstance(operation, keras.Layer) and graph_of(operation) is None:
            parts = layers_of(operation, include_self=False)
            times.update(id(part) for part in parts)
    pairs = [
        (node, behind[0])
        for node in calls
        if len(behind := readers.get(id(node.outputs[0]), [])) == 1
    ]
    return [
        (node, reader)
        for node, reader in pairs
        if reader is not None
        and times[id(node.operation)] == times[id(reader.operation)] == 1
    ]


def calls_in(graph):
    """Counts how often one call of a graph calls each operation in it.

    Nested models are searched too, but not layers that wrap others.

    Args:
        graph: Functional model.

    Returns:
        `Counter` of operations.
    """
    calls = collections.Counter()
    for node in nodes_of(graph):
        if node.is_input:
            continue
        calls[node.operation] += 1
        inner = graph_of(node.operation)
        if inner is not None:
            calls += calls_in(inner)
    return calls


def called_for_training(graph):
    """Finds the operations that are called with `training=True`.

    So are the operations of a nested model that is called in this way.

    Args:
        graph: Functional model.

    Returns:
        Set of the ids of the operations.
    """
    found = set()
    for part in _all_graphs(graph, {}).values():
        for node in nodes_of(part):
            if node.is_input or not node.arguments.kwargs.get("training"):
                continue
            found.add(id(node.operation))
            inner = graph_of(node.operation)
            if inner is not None:
                for each in _all_graphs(inner, {}).values():
                    found.update(map(id, each.operations))
    return found


def _all_graphs(graph, found):
    """Returns a graph and those of the models in it, once each, by id."""
    if id(graph) in found:
        return found
    found[id(graph)] = graph
    for operation in graph.operations:
        inner = graph_of(operation)
        if inner is not None:
            _all_graphs(inner, found)
    return found
