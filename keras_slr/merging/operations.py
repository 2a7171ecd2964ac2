"""How operations carry what units compute from their inputs to their outputs.

Each function gets a `Survey` and a `Call`, in which `Moments` stand for tensors
with units, and `OTHER` for others.
"""

import dataclasses
import functools

import numpy as np

from keras_slr.merging.moments import Moments
from keras_slr.merging.moments import joined
from keras_slr.selection.axes import axes_of
from keras_slr.shrinking import constants
from keras_slr.shrinking.labels import Unfollowed
from keras_slr.shrinking.rules import elementwise
from keras_slr.shrinking.rules import norms
from keras_slr.shrinking.rules import products
from keras_slr.shrinking.rules import shapes

OTHER = Unfollowed("another tensor")
# Numbers of all magnitudes: a function that bends elsewhere than at zero has
# other slopes at some of them.
_PROBES = 10.0 ** np.arange(-30, 31, 3)


def left(survey, call):
    """Leaves alone what goes through an operation."""
    for x in call.inputs:
        if isinstance(x, Moments):
            reason = f"goes through {call}, which merging does not follow"
            survey.refuse(x.units, reason)
    return [OTHER] * len(call.output_shapes)


def _same(survey, call):
    del survey
    x = call.inputs[0]
    outputs = len(call.output_shapes)
    return x if outputs == 1 else [x] * outputs


def _windows(survey, call):
    """Constants at the border of an image may be others than inside."""
    x = _same(survey, call)
    return x.closed() if isinstance(x, Moments) else x


def _kernel(survey, call):
    layer = call.operation
    if getattr(layer, "groups", 1) > 1:
        return _left_with_outputs(survey, call, layer.kernel)
    kernel = getattr(layer, "kernel", None)
    (source,) = (axes := _axes(layer, kernel)).inputs
    (output,) = axes.outputs
    survey.read(kernel, source, call.inputs[0])
    return _activated(survey, call, survey.write(kernel, output, layer.bias))


def _left_with_outputs(survey, call, kernel):
    axis = len(kernel.shape) - 1
    reason = f"is written by {call}, whose groups are units"
    survey.refuse(survey.numbers(kernel, axis), reason)
    return left(survey, call)


def _axes(layer, kernel):
    return axes_of(layer, kernel.name, len(kernel.shape))


def _embedding(survey, call):
    return survey.write(call.operation.embeddings, 1, None)


def _depthwise(survey, call):
    layer = call.operation
    x = _filtered(survey, call.inputs[0], layer.kernel)
    if isinstance(x, Moments) and layer.bias is not None:
        x = x.shifted(survey.rows(layer.bias, 0)[1])
    return _activated(survey, call, x)


def _separable(survey, call):
    layer = call.operation
    x = _filtered(survey, call.inputs[0], layer.depthwise_kernel)
    survey.read(layer.pointwise_kernel, -2, x)
    x = survey.write(layer.pointwise_kernel, -1, layer.bias)
    return _activated(survey, call, x)


def _filtered(survey, x, kernel):
    if not isinstance(x, Moments):
        return x
    units, factors = survey.rows(kernel, -2)
    # Padding is no constant.
    return x.closed().at(units).scaled(factors)


def _batch_norm(survey, call):
    x, layer = call.inputs[0], call.operation
    if not isinstance(x, Moments):
        return x
    units, variance = survey.rows(layer.moving_variance, 0)
    factors = 1.0 / np.sqrt(variance + layer.epsilon)
    if layer.gamma is not None:
        factors = factors * survey.rows(layer.gamma, 0)[1]
    shifts = -survey.rows(layer.moving_mean, 0)[1] * factors
    if layer.beta is not None:
        shifts = shifts + survey.rows(layer.beta, 0)[1]
    return x.at(units).scaled(factors).shifted(shifts)


def _layer_scale(survey, call):
    x = call.inputs[0]
    if not isinstance(x, Moments):
        return x
    units, factors = survey.rows(call.operation.gamma, 0)
    return x.at(units).scaled(factors)


def _activated(survey, call, x):
    """Applies the activation of a layer."""
    function = call.operation.activation
    if function is None or not isinstance(x, Moments):
        return x
    if not constants.is_elementwise(function):
        survey.refuse(x.units, f"goes through an activation of {call}")
        return OTHER
    return x.activated(_slopes(function))


def _activation(survey, call):
    return _activated(survey, call, call.inputs[0])


def _unary(survey, call):
    del survey
    x = call.inputs[0]
    if not isinstance(x, Moments):
        return x
    return x.activated(_slopes(call.operation.call))


def _slopes(function):
    """Returns the slopes of a function that bends at zero alone.

    Returns:
        Pair of floats for positive and negative numbers, or `None`.
    """
    slopes = []
    with np.errstate(all="ignore"):
        for probes in (_PROBES, -_PROBES):
            ratios = constants.after(function, probes) / probes
            if not np.all(np.abs(ratios - ratios[0]) <= 1e-5 * abs(ratios[0])):
                return None
            slopes.append(float(ratios[0]))
    return tuple(slopes)


def _prelu(survey, call):
    """Follows units through slopes of their own."""
    x, alpha = call.inputs[0], call.operation.alpha
    if not isinstance(x, Moments):
        return x
    x = x.activated(None)
    for axis in range(len(alpha.shape)):
        if survey.has(alpha, axis):
            units, slopes = survey.rows(alpha, axis)
            x = x.at(units)
            return dataclasses.replace(x, gram=x.gram + slopes @ slopes.T)
    return x


def _merged(function, scales=True):
    """Returns the handler of an operation on several tensors.

    Args:
        function: See `moments.joined`; it also gets the operation.
        scales: See `moments.joined`.
    """

    def handler(survey, call):
        del survey
        parts = [x for x in call.inputs if isinstance(x, Moments)]
        if not parts:
            return OTHER
        # A number among the operands does not scale with the units.
        alone = len(parts) == len(call.operands)
        return joined(
            parts,
            functools.partial(function, call.operation),
            scales and alone,
        )

    return handler


def _sum(factors):
    def function(operation, grams, constants):
        w = factors(operation, len(grams))
        return (
            sum(a * a * gram for a, gram in zip(w, grams)),
            sum(a * t for a, t in zip(w, constants)),
        )

    return _merged(function)


def _closed(grams, constants):
    return [gram + np.outer(t, t) for gram, t in zip(grams, constants)]


def side_by_side(grams, constants):
    return sum(_closed(grams, constants)), np.zeros_like(constants[0])


def _either(operation, grams, constants):
    del operation
    return side_by_side(grams, constants)


def _product(operation, grams, constants):
    """The vectors of a product are the products of the vectors' entries."""
    del operation
    product = 1.0
    for gram in _closed(grams, constants):
        product = product * gram
    return product, np.zeros_like(constants[0])


def _multiply(survey, call):
    x = _merged(_product)(survey, call)
    if not isinstance(x, Moments) or x.scales:
        return x
    # Without scales equal products are not enough.
    return _merged(_either, scales=False)(survey, call)


def _concatenate(survey, call):
    parts = [x for x in call.inputs if isinstance(x, Moments)]
    if not parts:
        return OTHER
    units = np.concatenate([part.units for part in parts])
    found, counts = np.unique(units, return_counts=True)
    reason = f"lies in {call} more than once"
    survey.refuse(found[counts > 1], reason)
    return joined(parts, side_by_side)


def _split(survey, call):
    x, operation = call.inputs[0], call.operation
    count = len(call.output_shapes)
    if not isinstance(x, Moments) or not survey.has(operation, 0):
        return [x] * count
    parts = [np.unique(survey.numbers(operation, i)) for i in range(count)]
    parts = [part[part >= 0] for part in parts]
    found, counts = np.unique(np.concatenate(parts), return_counts=True)
    reason = f"lies in {call} more than once"
    survey.refuse(found[counts > 1], reason)
    return [x.at(part) for part in parts]


HANDLERS = {
    products.dense: _kernel,
    products.einsum_dense: _kernel,
    products.convolution: _kernel,
    products.transposed_convolution: _kernel,
    products.embedding: _embedding,
    products.depthwise_convolution: _depthwise,
    products.separable_convolution: _separable,
    norms.batch_norm: _batch_norm,
    norms.layer_scale: _layer_scale,
    elementwise.same: _same,
    elementwise.dropout: _same,
    elementwise.unary: _unary,
    elementwise.activation: _activation,
    elementwise.prelu: _prelu,
    elementwise.add: _sum(lambda operation, n: [1.0] * n),
    elementwise.average: _sum(lambda operation, n: [1.0 / n] * n),
    elementwise.subtract: _sum(lambda operation, n: [1.0] + [-1.0] * (n - 1)),
    elementwise.add_scaled: _sum(lambda operation, n: [1.0, operation.scale]),
    elementwise.multiply: _multiply,
    elementwise.maximum: _merged(_either),
    elementwise.minimum: _merged(_either),
    elementwise.divide: _merged(_either, scales=False),
    shapes.reshape: _same,
    shapes.flatten: _same,
    shapes.permute: _same,
    shapes.transpose: _same,
    shapes.repeat_vector: _same,
    shapes.windows: _windows,
    shapes.upsampling: _windows,
    shapes.zero_padding: _windows,
    shapes.pad: _windows,
    shapes.global_pooling: _windows,
    shapes.mean: _windows,
    shapes.total: _windows,
    shapes.concatenate: _concatenate,
    shapes.split: _split,
}
