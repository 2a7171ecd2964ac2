"""Multiplications and additions that a model takes for one example."""

import math

from keras import layers

from keras_slr.shrink.graph import check_graph
from keras_slr.shrink.graph import graph_of
from keras_slr.training.model_state import check_built
from keras_slr.training.model_state import check_model

_CONVOLUTIONS = (
    layers.Conv1D,
    layers.Conv2D,
    layers.Conv3D,
    layers.DepthwiseConv1D,
    layers.DepthwiseConv2D,
)
_TRANSPOSED = (
    layers.Conv1DTranspose,
    layers.Conv2DTranspose,
    layers.Conv3DTranspose,
)
_SEPARABLE = (layers.SeparableConv1D, layers.SeparableConv2D)


def macs(model):
    """Counts the multiply-accumulates of a model for one example.

    Counted are Dense, EinsumDense, convolutions of all kinds and
    MultiHeadAttention; norms, activations, poolings and biases are not. A
    layer that is called twice counts twice.

    Args:
        model: Built Functional or Sequential model.

    Returns:
        Dict from the name of a layer, behind those of the models around it,
        to an integer, in the order of the graph.

    Raises:
        TypeError: If the model is not a Keras 3 model.
        ValueError: If the model is not built, its graph is not known, or a
            layer that is counted has inputs of unknown size.
    """
    check_model(model)
    check_built(model)
    check_graph(model)
    counts = {}
    _count(graph_of(model), "", counts)
    return counts


def _count(graph, prefix, counts):
    for depth in sorted(graph._nodes_by_depth, reverse=True):
        for node in graph._nodes_by_depth[depth]:
            layer = node.operation
            name = prefix + layer.name
            if graph_of(layer) is not None:
                _count(graph_of(layer), f"{name}/", counts)
                continue
            count = _of_call(layer, node)
            if count is not None:
                counts[name] = counts.get(name, 0) + count


def _of_call(layer, node):
    """Returns the count of one call of a layer, `None` if not counted."""
    if isinstance(layer, layers.Dense):
        return _places(layer, node.outputs[0].shape[1:-1]) * _size(layer.kernel)
    if isinstance(layer, layers.EinsumDense):
        return _of_einsum(layer, node)
    if isinstance(layer, layers.MultiHeadAttention):
        return _of_attention(layer, node)
    if isinstance(layer, _TRANSPOSED):
        tensor, kernels = node.input_tensors[0], (layer.kernel,)
    elif isinstance(layer, _CONVOLUTIONS):
        tensor, kernels = node.outputs[0], (layer.kernel,)
    elif isinstance(layer, _SEPARABLE):
        tensor = node.outputs[0]
        kernels = layer.depthwise_kernel, layer.pointwise_kernel
    else:
        return None
    first = layer.data_format == "channels_first"
    places = tensor.shape[2:] if first else tensor.shape[1:-1]
    return _places(layer, places) * sum(_size(kernel) for kernel in kernels)


def _of_einsum(layer, node):
    """The product of the sizes of all letters but the batch."""
    left, output = layer.equation.replace(" ", "").split("->")
    term, kernel = left.split(",")
    shape = node.input_tensors[0].shape
    if "..." in term:
        # As many axes as the letters leave over stand behind the dots.
        dots = [f"axis {i}" for i in range(len(shape) - len(term) + 3)]
        before, after = term.split("...")
        letters = [*before, *dots, *after]
    else:
        letters = list(term)
    others = [n for c, n in zip(letters, shape) if c not in kernel]
    return _places(layer, others[1:]) * _size(layer.kernel)


def _of_attention(layer, node):
    call = dict(zip(("query", "value", "key"), node.arguments.args))
    call |= node.arguments.kwargs
    query, value = call["query"], call["value"]
    key = call.get("key")
    queries = _places(layer, query.shape[1:-1])
    values = _places(layer, value.shape[1:-1])
    keys = values if key is None else _places(layer, key.shape[1:-1])
    _, heads, key_size = layer.query_dense.kernel.shape
    _, _, value_size = layer.value_dense.kernel.shape
    return (
        queries * _size(layer.query_dense.kernel)
        + keys * _size(layer.key_dense.kernel)
        + values * _size(layer.value_dense.kernel)
        + queries * values * heads * (key_size + value_size)
        + queries * _size(layer.output_dense.kernel)
    )


def _size(variable):
    return math.prod(variable.shape)


def _places(layer, shape):
    if None in shape:
        raise ValueError(
            "Expected tensors of known size. Received a call of "
            f"`{layer.name}` with sizes {tuple(shape)}: build the model with "
            "a full `keras.Input(shape)` to count its operations."
        )
    return math.prod(shape)
