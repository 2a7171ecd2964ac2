"""Rules for layers with a kernel: they read units and write new ones."""

import math

import numpy as np

from keras_slr.backend import to_host
from keras_slr.shrinking import constants
from keras_slr.shrinking.labels import Labels
from keras_slr.shrinking.labels import Unfollowed
from keras_slr.shrinking.rules.channels import channel_axis
from keras_slr.shrinking.trace import INPUT
from keras_slr.shrinking.trace import OUTPUT
from keras_slr.shrinking.trace import VECTOR
from keras_slr.shrinking.trace import Read


def dense(trace, call):
    """Follows units through Dense, along the last axis."""
    return _product(trace, call, call.operation.kernel, (0, 1), _last(call))


def resize_dense(layer, cut):
    return {"units": cut.width(layer.kernel, 1)}


def einsum_dense(trace, call):
    """Follows units through an EinsumDense that is a Dense on some axis."""
    layer = call.operation
    axes = _axes_of_einsum(layer, call)
    if axes is None:
        return trace.leave_whole(call)
    source, target, kernel_axes = axes
    return _product(trace, call, layer.kernel, kernel_axes, source, target)


def resize_einsum_dense(layer, cut):
    letters, _, output = _terms(layer.equation)
    new = [i for i, c in enumerate(output) if c not in letters]
    if len(new) != 1 or len(layer.kernel.shape) != 2:
        return {}
    shape = list(layer.partial_output_shape)
    position = new[0] - len(output)
    kernel_axis = _terms(layer.equation)[1].index(output[new[0]])
    shape[position] = cut.width(layer.kernel, kernel_axis)
    return {"output_shape": tuple(shape)}


def convolution(trace, call):
    """Follows units through a convolution."""
    layer = call.operation
    axis = channel_axis(call)
    if layer.groups > 1:
        return _grouped(trace, call, axis)
    return _product(
        trace, call, layer.kernel, (-2, -1), axis, exact=_is_exact(layer)
    )


def resize_convolution(layer, cut):
    filters = cut.width(layer.kernel, len(layer.kernel.shape) - 1)
    if layer.groups == 1:
        return {"filters": filters}
    groups = layer.groups * filters // layer.filters
    return {"filters": filters, "groups": groups}


def transposed_convolution(trace, call):
    """Follows units through a transposed convolution."""
    layer = call.operation
    # Beyond one by one, the places of the output see different parts of the
    # kernel.
    exact = all(n == 1 for n in (*layer.kernel_size, *layer.strides))
    return _product(
        trace, call, layer.kernel, (-1, -2), channel_axis(call), exact=exact
    )


def resize_transposed_convolution(layer, cut):
    return {"filters": cut.width(layer.kernel, len(layer.kernel.shape) - 2)}


def depthwise_convolution(trace, call):
    """Follows units through a depthwise convolution, which keeps them."""
    layer = call.operation
    x = _depthwise(trace, call, layer.kernel, OUTPUT, layer.bias)
    return _activated(trace, call, x)


def separable_convolution(trace, call):
    """Follows units through a depthwise and a pointwise convolution."""
    layer = call.operation
    x = _depthwise(trace, call, layer.depthwise_kernel, INPUT)
    kernel = layer.pointwise_kernel
    return _product(trace, call, kernel, (-2, -1), x.axis, x=x)


def resize_separable_convolution(layer, cut):
    kernel = layer.pointwise_kernel
    return {"filters": cut.width(kernel, len(kernel.shape) - 1)}


def embedding(trace, call):
    """Follows the units that an embedding writes."""
    trace.pin(call.x, f"is looked up by {call}")
    table = call.operation.embeddings
    units = trace.produce(table, 1)
    rows = to_host(table)
    same = np.all(rows == rows[:1], axis=0)
    return Labels(
        len(call.output_shape) - 1, units, np.where(same, rows[0], np.nan)
    )


def resize_embedding(layer, cut):
    return {"output_dim": cut.width(layer.embeddings, 1)}


def attention(trace, call):
    """Follows units through MultiHeadAttention, whose heads are units too."""
    layer = call.operation
    kernel = layer.output_dense.kernel
    arguments = call.arguments
    query, value = arguments["query"], arguments["value"]
    key = arguments.get("key")
    key = value if key is None else key
    if len(kernel.shape) != 3:
        return trace.leave_whole(call, call.option("output_shape"))
    heads = trace.produce(layer.value_dense.kernel, 1)
    pin_masked_heads(trace, call, heads)
    _projection(trace, call, layer.query_dense, query, heads)
    _projection(trace, call, layer.key_dense, key, heads)
    # The weights of attention add up to one: what is the same at every place
    # stays what it is. A mask may leave a row nothing to add: it gets zeros.
    held = _projection(trace, call, layer.value_dense, value, heads)
    if any(n.endswith("_mask") and x is not None for n, x in arguments.items()):
        held = np.where(held == 0.0, held, np.nan)
    trace.site(kernel, 0, INPUT, heads)
    axis = len(call.output_shape) - 1
    units = trace.produce(kernel, 2, layer.output_dense.bias)
    weights = to_host(kernel).reshape(-1, kernel.shape[2])
    read = Read(
        layer=layer,
        bias=layer.output_dense.bias,
        weights=weights,
        units=np.repeat(heads, kernel.shape[1]),
        outputs=units,
        constants=held,
        folds=layer.output_dense.bias is not None,
    )
    trace.read(kernel, read)
    bias = _bias_of(layer.output_dense.bias)
    x = Labels(axis, units, constants.after_product(weights, held, bias))
    if len(call.output_shapes) == 1:
        return x
    trace.pin(heads, f"has scores of its own at the output of {call}")
    return [x, Unfollowed(f"the scores of {call}")]


def pin_masked_heads(trace, call, heads):
    """Pins heads if each has a mask of its own."""
    shape = call.shape_of("attention_mask")
    if len(shape) > 3 and shape[-3] != 1:
        trace.pin(heads, f"has a mask of its own in {call}")


def resize_attention(layer, cut):
    kernel = layer.output_dense.kernel
    if len(kernel.shape) != 3:
        return {}
    width = cut.width(kernel, 2)
    config = {"num_heads": cut.width(kernel, 0)}
    if width != cut.width(layer.query_dense.kernel, 0):
        config["output_shape"] = (width,)
    return config


def _projection(trace, call, dense, x, heads):
    """Notes how a projection of attention reads units and writes heads.

    Returns:
        Float array of the constants of all heads' entries.
    """
    kernel = dense.kernel
    count, _, size = kernel.shape
    rank = next(
        len(shape) for y, shape in call.operands if shape is not None and y is x
    )
    x = trace.along(x, rank - 1, count, call)
    trace.site(kernel, 0, INPUT, x.units)
    trace.site(kernel, 1, OUTPUT, heads)
    if dense.bias is not None:
        trace.site(dense.bias, 0, VECTOR, heads)
    weights = to_host(kernel).reshape(count, -1)
    read = Read(
        layer=call.operation,
        bias=dense.bias,
        weights=weights,
        units=x.units,
        outputs=np.repeat(heads, size),
        constants=x.constants,
        folds=dense.bias is not None,
    )
    trace.read(kernel, read)
    return constants.after_product(weights, x.constants, _bias_of(dense.bias))


def _product(
    trace, call, kernel, kernel_axes, axis, target=None, exact=True, x=None
):
    """Notes that a kernel reads the units along an axis and writes others.

    Args:
        trace: `Trace`.
        call: `Call`.
        kernel: Keras variable.
        kernel_axes: Pair of integers, the axes of the inputs and outputs.
        axis: Integer, the axis of the tensor that is read.
        target: Integer, the axis of the tensor that is written. Defaults to
            `axis`.
        exact: See `constants.after_product`. Defaults to `True`.
        x: Labels that are read. Defaults to those of the first tensor.

    Returns:
        `Labels`.
    """
    layer = call.operation
    source, output = (a % len(kernel.shape) for a in kernel_axes)
    x = trace.along(x or call.x, axis, kernel.shape[source], call)
    trace.site(kernel, source, INPUT, x.units)
    units = trace.produce(kernel, output, layer.bias)
    weights = np.moveaxis(to_host(kernel), (source, output), (0, 1))
    can_have_bias = hasattr(layer, "use_bias")
    read = Read(
        layer=layer,
        bias=layer.bias,
        weights=weights,
        units=x.units,
        outputs=units,
        constants=x.constants,
        folds=exact and (layer.bias is not None or can_have_bias),
    )
    trace.read(kernel, read)
    values = constants.after_product(
        weights, x.constants, _bias_of(layer.bias), exact
    )
    axis = axis if target is None else target
    return _activated(trace, call, Labels(axis, units, values))


def _grouped(trace, call, axis):
    """Follows units through a convolution in groups, each of them a unit."""
    layer = call.operation
    kernel, groups = layer.kernel, layer.groups
    output = len(kernel.shape) - 1
    x = trace.along(call.x, axis, kernel.shape[output - 1] * groups, call)
    units = trace.produce(kernel, output, layer.bias)
    together = np.concatenate(
        [x.units.reshape(groups, -1), units.reshape(groups, -1)], axis=1
    )
    trace.tie(together[:, :1], together)
    inputs = np.repeat(
        x.constants.reshape(groups, -1).T, len(units) // groups, axis=1
    )
    weights = np.moveaxis(to_host(kernel), (output - 1, output), (0, 1))
    values = constants.after_product(
        weights, inputs, _bias_of(layer.bias), _is_exact(layer)
    )
    return _activated(trace, call, Labels(axis, units, values))


def _depthwise(trace, call, kernel, role, bias=None):
    """Returns the labels after one filter, or several, for each channel."""
    layer = call.operation
    axis = channel_axis(call)
    *_, count, multiplier = kernel.shape
    x = trace.along(call.x, axis, count, call)
    trace.site(kernel, len(kernel.shape) - 2, role, x.units)
    x = x.at(np.repeat(np.arange(count), multiplier), axis)
    if bias is not None:
        trace.site(bias, 0, VECTOR, x.units)
    # One input for each output.
    weights = to_host(kernel).reshape(math.prod(layer.kernel_size), -1).T
    return x.with_constants(
        constants.after_product(
            weights[None], x.constants[None], _bias_of(bias), _is_exact(layer)
        )
    )


def _activated(trace, call, x):
    """Returns labels after the activation of the layer itself."""
    activation = call.operation.activation
    if activation is None:
        return x
    if constants.is_elementwise(activation):
        return x.with_constants(constants.after(activation, x.constants))
    name = getattr(activation, "__name__", type(activation).__name__)
    trace.pin(x, f"goes through the activation `{name}` of {call}")
    return x.with_constants(np.nan)


def _is_exact(layer):
    """Whether no output position sees padding."""
    return layer.padding == "valid" or all(n == 1 for n in layer.kernel_size)


def _bias_of(variable):
    return None if variable is None else to_host(variable).ravel()


def _last(call):
    return len(call.shape) - 1


def _terms(equation):
    """Returns the letters of the input, kernel and output of an equation."""
    left, output = equation.replace(" ", "").split("->")
    return [term.replace("...", "") for term in (*left.split(","), output)]


def _axes_of_einsum(layer, call):
    """Returns where an EinsumDense reads, writes, and its kernel's axes.

    Returns `None` if it does not have one axis of each.
    """
    letters, kernel, output = _terms(layer.equation)
    read = [c for c in kernel if c in letters and c not in output]
    new = [c for c in kernel if c in output and c not in letters]
    is_dense = (
        (len(read), len(new), len(kernel)) == (1, 1, 2)
        and set(letters) - set(read) <= set(output)
        and (layer.bias is None or layer.bias_axes == new[0])
        and (layer.bias is None or len(layer.bias.shape) == 1)
        # Axes are counted from the last one.
        and layer.equation.find("...") in (-1, 0)
    )
    if not is_dense:
        return None
    source = len(call.shape) - len(letters) + letters.index(read[0])
    target = len(call.output_shape) - len(output) + output.index(new[0])
    if target == 0:
        return None
    return source, target, (kernel.index(read[0]), kernel.index(new[0]))
