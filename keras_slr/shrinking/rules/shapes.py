"""Rules for operations that reshape, pool, join or pad."""

import numpy as np

from keras_slr.shrinking.labels import Labels
from keras_slr.shrinking.rules.channels import channel_axis
from keras_slr.shrinking.trace import PASSIVE


def reshape(trace, call):
    """Follows units through a change of shape in row-major order."""
    return _reshape(trace, call, range(len(call.shape)))


def flatten(trace, call):
    """Follows units through a Flatten layer, which moves channels last."""
    axes = list(range(len(call.shape)))
    axes.append(axes.pop(channel_axis(call)))
    return _reshape(trace, call, axes)


def _reshape(trace, call, order):
    """Follows units through a transposition and a change of shape.

    If an axis of units is split into several, units are tied so that they
    differ along the last one only: cutting must leave a box.

    Args:
        trace: `Trace`.
        call: `Call`.
        order: Sequence of integers, the axes as they are transposed.
    """
    x = call.x
    layer = call.operation
    if not isinstance(x, Labels):
        trace.keep_whole(layer, f"is reshaped by {call} with {x.source}")
        return x
    before = [call.shape[axis] for axis in order]
    after = call.output_shape
    # The batch stays first, and axes of unknown size must stay too.
    if _sizes_between_unknown(before) != _sizes_between_unknown(after):
        return trace.leave_whole(call)
    source = [1, *(n or 1 for n in before[1:])]
    target = [1, *(n or 1 for n in after[1:])]
    line = np.arange(len(x.units))
    line = line.reshape([-1 if axis == x.axis else 1 for axis in order])
    positions = np.broadcast_to(line, source).reshape(target)
    axes = [a for a in range(len(target)) if np.any(np.diff(positions, axis=a))]
    axis = axes[-1] if axes else len(target) - 1
    columns = np.moveaxis(positions, axis, 0).reshape(target[axis], -1)
    trace.tie(x.units[columns[:, :1]], x.units[columns])
    held = x.constants[columns]
    same = np.all(held == held[:, :1], axis=1)
    x = x.at(columns[:, 0], axis)
    sizes = _sizes_asked(layer)
    if sizes is not None:
        trace.one_axis(layer, axis, call)
        if sizes[axis] not in (-1, None):
            trace.site(layer, axis, PASSIVE, x.units)
    return x.with_constants(np.where(same, x.constants, np.nan))


def _sizes_between_unknown(shape):
    """Returns the sizes between axes of unknown size, a list."""
    sizes = [1]
    for n in shape[1:]:
        if n is None:
            sizes.append(1)
        else:
            sizes[-1] *= n
    return sizes


def resize_reshape(operation, cut):
    """Resizes the target shape of a layer or an operation."""
    shape = tuple(
        n if n in (-1, None) else cut.width(operation, axis, n)
        for axis, n in enumerate(_sizes_asked(operation))
    )
    # The shape of the layer has no batch, that of the operation has.
    if hasattr(operation, "target_shape"):
        return {"target_shape": shape[1:]}
    return {"newshape": shape}


def _sizes_asked(operation):
    """Returns the target shape, or `None` for a Flatten layer."""
    if hasattr(operation, "target_shape"):
        return (None, *operation.target_shape)
    return getattr(operation, "newshape", None)


def permute(trace, call):
    """Follows units through a Permute layer."""
    return _transpose(trace, call, (0, *call.operation.dims))


def transpose(trace, call):
    """Follows units through `keras.ops.transpose`."""
    axes = call.operation.axes
    rank = len(call.shape)
    axes = range(rank - 1, -1, -1) if axes is None else axes
    return _transpose(trace, call, [a % rank for a in axes])


def _transpose(trace, call, axes):
    x = call.x
    if not isinstance(x, Labels):
        return x
    axis = list(axes).index(x.axis)
    # No rule looks for units in the place of the batch.
    return x.on_axis(axis) if axis else trace.leave_whole(call)


def repeat_vector(trace, call):
    """Follows units through a RepeatVector layer."""
    return call.x.on_axis(2) if isinstance(call.x, Labels) else call.x


def windows(trace, call):
    """Follows units through pooling and cropping, channel by channel."""
    return _by_channel(trace, call, lambda held: held)


def upsampling(trace, call):
    """Follows units through upsampling."""
    plain = getattr(call.operation, "interpolation", "nearest")
    if plain in ("nearest", "bilinear"):
        return windows(trace, call)
    return _by_channel(trace, call, _zero_only)


def zero_padding(trace, call):
    """Follows units through a layer that pads with zeros."""
    layer = call.operation
    if not isinstance(call.x, Labels):
        trace.keep_whole(layer, f"is padded by {call} with {call.x.source}")
        return call.x
    width = np.zeros((len(call.shape), 2), int)
    for axis, pair in _padded_axes(layer):
        width[axis] = pair
    return _padded(trace, call, width)


def resize_zero_padding(layer, cut):
    """Resizes the padding along an axis of units to those that stay."""
    padding = tuple(
        _kept_padding(layer, cut, axis, pair)
        for axis, pair in _padded_axes(layer)
    )
    return {"padding": padding if len(padding) > 1 else padding[0]}


def _padded_axes(layer):
    pairs = np.reshape(layer.padding, (-1, 2)).tolist()
    first = 2 if layer.data_format == "channels_first" else 1
    return list(enumerate(pairs, first))


def _by_channel(trace, call, function):
    x = call.x
    if not isinstance(x, Labels):
        return x
    if x.axis != channel_axis(call):
        return trace.leave_whole(call)
    return x.with_constants(function(x.constants))


def global_pooling(trace, call):
    """Follows units through global pooling."""
    axis = channel_axis(call)
    axes = [a for a in range(1, len(call.shape)) if a != axis]
    return _reduce(trace, call, axes, lambda held: held)


def mean(trace, call):
    """Follows units through a mean, a maximum or a minimum."""
    return _reduce(trace, call, call.operation.axis, lambda held: held)


def total(trace, call):
    """Follows units through a sum, in which only zeros stay constant."""
    return _reduce(trace, call, call.operation.axis, _zero_only)


def _reduce(trace, call, axes, function):
    x = call.x
    if not isinstance(x, Labels):
        return x
    rank = len(call.shape)
    axes = range(rank) if axes is None else np.atleast_1d(axes) % rank
    if x.axis in axes:
        return trace.leave_whole(call)
    if len(call.output_shape) < rank:
        x = x.on_axis(x.axis - sum(int(a) < x.axis for a in axes))
        if x.axis == 0:
            return trace.leave_whole(call)
    return x.with_constants(function(x.constants))


def concatenate(trace, call):
    """Follows units through a concatenation."""
    if len(call.inputs) < len(call.operands):
        # Constant arrays between the tensors get new units.
        return trace.leave_whole(call)
    labelled = [x for x in call.inputs if isinstance(x, Labels)]
    if not labelled:
        return call.x
    axis = call.operation.axis % len(call.shape)
    if any(x.axis == axis for x in labelled):
        parts = [
            trace.along(x, axis, shape[axis], call)
            for x, shape in zip(call.inputs, call.shapes)
        ]
        return Labels(
            axis,
            np.concatenate([part.units for part in parts]),
            np.concatenate([part.constants for part in parts]),
        )
    # Joined along another axis, all have the same units.
    first = labelled[0]
    held = first.constants
    for x, shape in zip(call.inputs, call.shapes):
        x = trace.along(x, first.axis, shape[first.axis], call)
        trace.tie(first.units, x.units)
        held = np.where(held == x.constants, held, np.nan)
    return first.with_constants(held)


def split(trace, call):
    """Follows units through `keras.ops.split`."""
    x = call.x
    operation = call.operation
    axis = operation.axis % len(call.shape)
    if not isinstance(x, Labels):
        trace.keep_whole(operation, f"is split by {call} with {x.source}")
    else:
        trace.one_axis(operation, x.axis, call)
    if not isinstance(x, Labels) or x.axis != axis:
        return [x] * len(call.output_shapes)
    parts = np.cumsum([shape[axis] for shape in call.output_shapes])[:-1]
    parts = np.split(np.arange(len(x.units)), parts)
    for i, part in enumerate(parts):
        trace.site(operation, i, PASSIVE, x.units[part])
    return [x.at(part, axis) for part in parts]


def resize_split(operation, cut):
    """Resizes `keras.ops.split`, whose parts can differ after the cut."""
    parts = []
    while (kept := cut.kept(operation, len(parts))) is not None:
        parts.append(kept)
    # Calls of different sizes share the number of parts.
    if all(kept.all() for kept in parts):
        return {}
    widths = [int(kept.sum()) for kept in parts]
    return {"indices_or_sections": np.cumsum(widths)[:-1].tolist()}


def pad(trace, call):
    """Follows units through `keras.ops.pad`, also with channels of zeros."""
    x = call.x
    operation = call.operation
    if not isinstance(x, Labels):
        trace.keep_whole(operation, f"is padded by {call} with {x.source}")
        return x
    if operation.mode != "constant":
        return trace.leave_whole(call, call.option("mode"))
    if len(operation.pad_width) < len(call.shape):
        return trace.leave_whole(call, call.option("pad_width"))
    return _padded(trace, call, np.array(operation.pad_width))


def resize_pad(operation, cut):
    """Resizes `keras.ops.pad` to the added channels that stay."""
    return {
        "pad_width": tuple(
            _kept_padding(operation, cut, axis, pair)
            for axis, pair in enumerate(operation.pad_width)
        )
    }


def _padded(trace, call, width):
    """Returns the labels of a tensor with zeros around it.

    Zeros that are added along the axis of the units are new units.
    """
    x = call.x
    before, after = width[x.axis]
    others = np.delete(width, x.axis, axis=0)
    held = _zero_only(x.constants) if np.any(others) else x.constants
    new = trace.new_units(before + after)
    units = np.concatenate([new[:before], x.units, new[before:]])
    held = np.concatenate([np.zeros(before), held, np.zeros(after)])
    trace.one_axis(call.operation, x.axis, call)
    if before + after:
        trace.site(call.operation, x.axis, PASSIVE, units)
    return Labels(x.axis, units, held)


def _kept_padding(owner, cut, axis, pair):
    """Returns how many of the zeros before and behind an axis stay."""
    before, after = pair
    kept = cut.kept(owner, axis)
    if kept is None or before + after == 0:
        return before, after
    return int(kept[:before].sum()), int(kept[len(kept) - after :].sum())


def _zero_only(held):
    return np.where(held == 0.0, held, np.nan)
