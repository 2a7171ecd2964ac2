"""Rules for element-wise operations, of one tensor or several."""

import functools

import keras
import numpy as np

from keras_slr.backend import to_host
from keras_slr.shrinking import constants
from keras_slr.shrinking.labels import Labels
from keras_slr.shrinking.options import parameters
from keras_slr.shrinking.options import value_of
from keras_slr.shrinking.rules.norms import normalisation
from keras_slr.shrinking.trace import PASSIVE


def same(trace, call):
    """Follows units through an operation without effect at inference."""
    return call.x


def dropout(trace, call):
    """Follows units through a dropout, which does nothing at inference."""
    x = call.x
    noise_shape = getattr(call.operation, "noise_shape", None)
    if (
        isinstance(x, Labels)
        and noise_shape is not None
        and noise_shape[x.axis] not in (None, 1)
    ):
        return trace.leave_whole(call, call.option("noise_shape"))
    return x


def unary(trace, call):
    """Follows units through an element-wise function of one tensor.

    An option that is an array has a value for each position.
    """
    x = call.x
    if not isinstance(x, Labels):
        return x
    if len(call.inputs) != 1 or call.shape != call.output_shape:
        return trace.leave_whole(call)
    for name in parameters(type(call.operation))[0]:
        if np.ndim(value_of(call.operation, name)):
            return trace.leave_whole(call, call.option(name))
    return x.with_constants(constants.after(call.operation.call, x.constants))


def activation(trace, call):
    """Follows units through an activation layer."""
    function = call.operation.activation
    if constants.is_elementwise(function):
        return unary(trace, call)
    if function in (keras.activations.softmax, keras.activations.log_softmax):
        return normalisation(trace, call)
    return trace.leave_whole(call)


def prelu(trace, call):
    """Follows units through a PReLU, whose slopes are cut along."""
    x, alpha = call.x, call.operation.alpha
    if not isinstance(x, Labels):
        trace.keep_whole(alpha, f"is read by {call} with {x.source}")
        return x
    trace.one_axis(alpha, x.axis - 1, call)
    if alpha.shape[x.axis - 1] == len(x.units):
        trace.site(alpha, x.axis - 1, PASSIVE, x.units)
    others = tuple(a for a in range(len(alpha.shape)) if a != x.axis - 1)
    slopes = to_host(alpha)
    same = np.all(slopes == slopes.min(axis=others, keepdims=True), others)
    slope = np.where(same, slopes.min(axis=others), np.nan)
    held = x.constants
    return x.with_constants(np.where(held < 0, slope * held, held))


def _merge(trace, call, function):
    rank = len(call.output_shape)
    # Shapes are aligned at their last axis.
    labelled = [
        (x, x.axis + rank - len(shape))
        for x, shape in call.operands
        if isinstance(x, Labels)
    ]
    if not labelled:
        return call.x
    first, axis = max(labelled, key=lambda pair: len(pair[0].units))
    size = len(first.units)
    if size != call.output_shape[axis]:
        return trace.leave_whole(call)
    values = []
    for x, shape in call.operands:
        if shape is None:
            values.append(_number(trace, call, x, axis - rank, first))
            continue
        position = axis - rank + len(shape)
        if position < 0 or shape[position] != size:
            trace.pin(x, f"is broadcast by {call}")
            x = Labels(axis, first.units, np.full(size, np.nan))
        else:
            x = trace.along(x, position, size, call)
        trace.tie(first.units, x.units)
        values.append(x.constants)
    with np.errstate(all="ignore"):
        held = function(values)
    return first.on_axis(axis).with_constants(held)


def _number(trace, call, x, axis, first):
    """Returns a constant argument, one that is no tensor, as a number."""
    if isinstance(x, int | float):
        return float(x)
    shape = np.shape(x)
    if len(shape) >= -axis and shape[axis] != 1:
        trace.pin(first, f"meets a constant with a value for each in {call}")
    return np.nan


def _product(values):
    """Multiplies; zero times a value that depends on the inputs is zero."""
    zero = functools.reduce(np.logical_or, [v == 0.0 for v in values])
    return np.where(zero, 0.0, functools.reduce(np.multiply, values))


def _reduce(function):
    return functools.partial(functools.reduce, function)


def merge(function):
    """Returns the rule of an operation that joins several tensors.

    Args:
        function: Function of a list of arrays, with NaN for values that
            depend on the inputs.
    """
    return functools.partial(_merge, function=function)


add = merge(sum)
_average = merge(lambda values: sum(values) / len(values))
subtract = merge(_reduce(np.subtract))
multiply = merge(_product)
divide = merge(_reduce(np.divide))
maximum = merge(_reduce(np.maximum))
minimum = merge(_reduce(np.minimum))


def average(trace, call):
    """Follows units through an Average layer."""
    # `keras.ops.average` has the same name and is a reduction.
    if not isinstance(call.operation, keras.layers.Layer):
        return trace.leave_whole(call)
    return _average(trace, call)


def add_scaled(trace, call):
    """Follows units through `x + scale * y`."""
    scale = call.operation.scale
    return _merge(trace, call, lambda values: values[0] + scale * values[1])
