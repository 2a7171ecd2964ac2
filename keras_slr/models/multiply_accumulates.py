"""Counts the multiply-accumulates of a model, kernel by kernel."""

import dataclasses
import math

import keras
from keras import layers

from keras_slr.keras_internals.attention import gate_of
from keras_slr.models.checks import check_built
from keras_slr.models.checks import check_model
from keras_slr.models.graph import check_graph
from keras_slr.models.graph import graph_of
from keras_slr.models.graph import run
from keras_slr.models.graph import takes_in_order
from keras_slr.models.layer_table import Family
from keras_slr.models.layer_table import kernel_families

# Recurrent layers and embeddings are not counted.
_COUNTED = (
    Family.DENSE,
    Family.CONVOLUTION,
    Family.TRANSPOSE,
    Family.DEPTHWISE,
)


@dataclasses.dataclass(frozen=True)
class Product:
    """Multiply-accumulates that go with a kernel.

    Attributes:
        layer: String, the name of the layer, behind those of the models
            around it.
        kernel: Keras variable.
        positions: Integer, how often the kernel is applied to an example.
        axes: Tuple of integers, the axes of the kernel whose sizes are
            multiplied, or `None` for all of them.
    """

    layer: str
    kernel: keras.Variable
    positions: int
    axes: tuple | None = None

    @property
    def macs(self):
        """The number of multiply-accumulates."""
        shape = self.kernel.shape
        axes = range(len(shape)) if self.axes is None else self.axes
        return self.positions * math.prod(shape[axis] for axis in axes)


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
    products = []
    graph = graph_of(model)
    _go_through(graph, graph.inputs, "", products)
    return products


@dataclasses.dataclass(frozen=True)
class _Call:
    """One call of a layer, with the tensors that it gets in this model.

    In the graph of an inner model, sizes may be unknown that the model around
    it fixes.
    """

    layer: keras.Operation
    args: tuple
    kwargs: dict
    outputs: list

    @property
    def x(self):
        """The first input tensor."""
        return keras.tree.flatten((self.args, self.kwargs))[0]

    @property
    def y(self):
        """The first output tensor."""
        return self.outputs[0]


def _go_through(graph, inputs, prefix, products):
    """Adds the products of a graph that is called on `inputs`.

    Returns:
        List of symbolic tensors, the outputs.
    """

    def call(node, args, kwargs):
        layer = node.operation
        name = prefix + layer.name
        inner = graph_of(layer)
        if inner is not None:
            given = keras.tree.flatten((args, kwargs))
            given = [x for x in given if isinstance(x, keras.KerasTensor)]
            if not takes_in_order(inner, args, [x.shape for x in given]):
                given = inner.inputs
            return _go_through(inner, given, f"{name}/", products)
        outputs = _outputs(node, args, kwargs)
        for product in _of_call(_Call(layer, args, kwargs, outputs)):
            products.append(Product(name, *product))
        return outputs

    return run(graph, inputs, call)


def _outputs(node, args, kwargs):
    """Returns the symbolic outputs of a node for the tensors given."""
    given = keras.tree.flatten((args, kwargs))
    known = keras.tree.flatten((node.arguments.args, node.arguments.kwargs))
    if all(
        getattr(x, "shape", None) == getattr(own, "shape", None)
        for x, own in zip(given, known)
    ):
        return node.outputs
    spec = node.operation.compute_output_spec(*args, **kwargs)
    return keras.tree.flatten(spec)


def _of_call(call):
    """Returns the kernels, positions and axes of one call."""
    layer = call.layer
    if isinstance(layer, layers.MultiHeadAttention):
        return _of_attention(call)
    products = []
    for name, family in kernel_families(layer).items():
        if family is Family.EINSUM:
            products += _of_einsum(call)
        elif family in _COUNTED:
            positions = _positions(layer, _window_positions(call, family))
            products.append((getattr(layer, name), positions))
    return products


def _window_positions(call, family):
    """Returns the sizes along which a kernel is applied again and again."""
    # A transposed convolution is applied to every position of its input.
    shape = (call.x if family is Family.TRANSPOSE else call.y).shape
    if getattr(call.layer, "data_format", None) == "channels_first":
        return shape[2:]
    return shape[1:-1]


def _of_einsum(call):
    """Counts positions over letters that the kernel lacks, except the batch."""
    layer = call.layer
    left, output = layer.equation.replace(" ", "").split("->")
    term, kernel = left.split(",")
    shape = call.x.shape
    if "..." in term:
        # The dots stand for the axes that the letters do not name.
        dots = [f"axis {i}" for i in range(len(shape) - len(term) + 3)]
        before, after = term.split("...")
        letters = [*before, *dots, *after]
    else:
        letters = list(term)
    others = [n for c, n in zip(letters, shape) if c not in kernel]
    return [(layer.kernel, _positions(layer, others[1:]))]


def _of_attention(call):
    layer = call.layer
    given = dict(zip(("query", "value", "key"), call.args)) | call.kwargs
    query, value = given["query"], given["value"]
    key = given.get("key")
    queries = _positions(layer, query.shape[1:-1])
    values = _positions(layer, value.shape[1:-1])
    keys = values if key is None else _positions(layer, key.shape[1:-1])
    # Queries meet keys, and weights meet values, along heads and their width.
    inner = (1, 2)
    attended = [value.shape[axis] for axis in layer.attention_axes]
    pairs = queries * _positions(layer, attended)
    gate = gate_of(layer)
    return [
        *([] if gate is None else [(gate.kernel, queries)]),
        (layer.query_dense.kernel, queries),
        (layer.key_dense.kernel, keys),
        (layer.value_dense.kernel, values),
        (layer.query_dense.kernel, pairs, inner),
        (layer.value_dense.kernel, pairs, inner),
        (layer.output_dense.kernel, queries),
    ]


def _positions(layer, shape):
    if None in shape:
        raise ValueError(
            "Expected tensors of known size. Received a call of "
            f"`{layer.name}` with sizes {tuple(shape)}: build the model with "
            "a full `keras.Input(shape)` to count its operations."
        )
    return math.prod(shape)
