"""Rules for layers that scale, shift or normalize channels."""

import numpy as np

from keras_slr.backend import to_host
from keras_slr.shrinking import constants
from keras_slr.shrinking.labels import Labels
from keras_slr.shrinking.trace import PASSIVE
from keras_slr.shrinking.trace import VECTOR


def batch_norm(trace, call):
    """Follows units through the statistics of a batch norm."""
    layer = call.operation
    axis = layer.axis % len(call.shape)
    x = trace.along(call.x, axis, call.shape[axis], call)
    # The mean of a filter that is zero is zero.
    zero = [layer.gamma, layer.beta, layer.moving_mean]
    other = [layer.moving_variance]
    # Layers have this option from Keras 3.14 on.
    if getattr(layer, "renorm", False):
        zero.append(layer.renorm_mean)
        other += [layer.moving_stddev, layer.renorm_stddev]
    for role, variables in ((VECTOR, zero), (PASSIVE, other)):
        for variable in variables:
            if variable is not None:
                trace.site(variable, 0, role, x.units)
    gamma = 1.0 if layer.gamma is None else to_host(layer.gamma)
    beta = 0.0 if layer.beta is None else to_host(layer.beta)
    scale = gamma / np.sqrt(to_host(layer.moving_variance) + layer.epsilon)
    centred = x.constants - to_host(layer.moving_mean)
    return x.with_constants(constants.after_scaling(centred, scale, beta))


def layer_scale(trace, call):
    """Follows units through a scale per unit."""
    axis = len(call.shape) - 1
    x = trace.along(call.x, axis, call.shape[axis], call)
    gamma = call.operation.gamma
    trace.site(gamma, 0, VECTOR, x.units)
    return x.with_constants(
        constants.after_scaling(x.constants, to_host(gamma))
    )


def resize_layer_scale(layer, cut):
    return {"projection_dim": cut.width(layer.gamma, 0)}


def group_norm(trace, call):
    """Follows units through a group norm, whose groups are each a unit.

    Fewer channels in a group would have another mean and variance.
    """
    layer = call.operation
    axis = layer.axis % len(call.shape)
    x = trace.along(call.x, axis, call.shape[axis], call)
    if layer.groups == 1:
        trace.pin(x, f"is normalised over by {call}")
    together = x.units.reshape(layer.groups, -1)
    trace.tie(together[:, :1], together)
    # Without a scale and an offset, no weight has the size of the channels.
    trace.site(layer, 0, PASSIVE, x.units)
    for variable in (layer.gamma, layer.beta):
        if variable is not None:
            trace.site(variable, 0, VECTOR, x.units)
    zero = np.all((x.constants == 0.0).reshape(layer.groups, -1), axis=1)
    zero = np.repeat(zero, together.shape[1])
    beta = 0.0 if layer.beta is None else to_host(layer.beta)
    return x.with_constants(np.where(zero, beta, np.nan))


def resize_group_norm(layer, cut):
    kept = cut.kept(layer, 0)
    if kept is None:
        return {}
    return {"groups": layer.groups * int(kept.sum()) // len(kept)}


def normalisation(trace, call):
    """Pins the units along an axis that is normalized over."""
    x = call.x
    if not isinstance(x, Labels):
        return x
    if x.axis in _axes(call):
        trace.pin(x, f"is normalised over by {call}")
    return x.with_constants(np.nan)


def layer_norm(trace, call):
    """Pins the units along an axis that is normalized over.

    Axes have to be the last ones. Keras multiplies with the scale of an
    RMSNormalization along the last axes, whichever they are; on PyTorch it
    normalizes over them as well, in a LayerNormalization too.
    """
    axes = _axes(call)
    rank = len(call.shape)
    if axes != list(range(rank - len(axes), rank)):
        return trace.leave_whole(call, call.option("axis"))
    return normalisation(trace, call)


def _axes(call):
    """Returns the axes that are normalized over, in order."""
    axis = getattr(call.operation, "axis", -1)
    rank = len(call.shape)
    axes = range(rank) if axis is None else np.atleast_1d(axis) % rank
    return sorted(map(int, axes))
