"""The products that a model takes for one example, kernel by kernel."""

import dataclasses
import math

import keras
from keras import layers

from keras_slr.graph import check_graph
from keras_slr.graph import graph_of
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


@dataclasses.dataclass(frozen=True)
class Product:
    """Multiply-accumulates that go with a kernel.

    Attributes:
        layer: String, the name of the layer, behind those of the models
            around it.
        kernel: Keras variable.
        places: Integer, how often the kernel is applied to an example.
        axes: Tuple of integers, the axes of the kernel whose sizes are
            multiplied, or `None` for all of them.
    """

    layer: str
    kernel: keras.Variable
    places: int
    axes: tuple | None = None

    @property
    def macs(self):
        """The number of multiply-accumulates."""
        shape = self.kernel.shape
        axes = range(len(shape)) if self.axes is None else self.axes
        return self.places * math.prod(shape[axis] for axis in axes)


def products_of(model):
    """Lists the products of a model with its kernels, in the order of calls.

    Args:
        model: Built Functional or Sequential model.

    Returns:
        List of `Product`.

    Raises:
        TypeError: If the model is not a Keras 3 model.
        ValueError: If the model is not built, its graph is not known, or a
            layer that is counted has inputs of unknown size.
    """
    check_model(model)
    check_built(model)
    check_graph(model)
    return list(_in_graph(graph_of(model), ""))


def _in_graph(graph, prefix):
    for depth in sorted(graph._nodes_by_depth, reverse=True):
        for node in graph._nodes_by_depth[depth]:
            layer = node.operation
            name = prefix + layer.name
            if graph_of(layer) is not None:
                yield from _in_graph(graph_of(layer), f"{name}/")
            else:
                for product in _of_call(layer, node):
                    yield Product(name, *product)


def _of_call(layer, node):
    """Returns kernel, places and axes of the products of one call."""
    if isinstance(layer, layers.Dense):
        places = _places(layer, node.outputs[0].shape[1:-1])
        return [(layer.kernel, places)]
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
        return []
    first = layer.data_format == "channels_first"
    places = tensor.shape[2:] if first else tensor.shape[1:-1]
    return [(kernel, _places(layer, places)) for kernel in kernels]


def _of_einsum(layer, node):
    """A place for every letter that the kernel lacks, but the batch."""
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
    return [(layer.kernel, _places(layer, others[1:]))]


def _of_attention(layer, node):
    call = dict(zip(("query", "value", "key"), node.arguments.args))
    call |= node.arguments.kwargs
    query, value = call["query"], call["value"]
    key = call.get("key")
    queries = _places(layer, query.shape[1:-1])
    values = _places(layer, value.shape[1:-1])
    keys = values if key is None else _places(layer, key.shape[1:-1])
    # Queries meet keys, and weights meet values, along heads and their width.
    inner = (1, 2)
    return [
        (layer.query_dense.kernel, queries),
        (layer.key_dense.kernel, keys),
        (layer.value_dense.kernel, values),
        (layer.query_dense.kernel, queries * values, inner),
        (layer.value_dense.kernel, queries * values, inner),
        (layer.output_dense.kernel, queries),
    ]


def _places(layer, shape):
    if None in shape:
        raise ValueError(
            "Expected tensors of known size. Received a call of "
            f"`{layer.name}` with sizes {tuple(shape)}: build the model with "
            "a full `keras.Input(shape)` to count its operations."
        )
    return math.prod(shape)
