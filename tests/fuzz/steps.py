"""What a random graph of images or signals is made of.

A step is a function of `Images`, of the last tensor and of an earlier one
that returns the next tensor; the last one, if the step does not fit.
"""

import keras
from keras import layers
from keras import ops

from tests.fuzz.images import BOOLEANS
from tests.fuzz.images import LARGE


def conv(net, y, earlier):
    filters = net.choose([4, 6])
    return net.layer("Conv", filters, **net.window(y), **net.kernel)(y)


def grouped(net, y, earlier):
    groups = net.divisor(y)
    filters = groups * net.choose([1, 2])
    options = net.window(y) | {"groups": groups}
    return net.layer("Conv", filters, **options, **net.kernel)(y)


def causal(net, y, earlier):
    if net.n > 1:
        return y
    return net.layer("Conv", 4, 3, padding="causal", **net.kernel)(y)


def transposed(net, y, earlier):
    if 2 * max(net.sizes(y)) + 2 > LARGE:
        return y
    strides = net.choose([1, 2])
    kind = getattr(layers, f"Conv{net.n}DTranspose")
    return kind(
        4,
        net.choose([1, 2, 3]),
        strides=strides,
        padding=net.choose(["same", "valid"]),
        output_padding=net.choose([None, strides - 1]),
        data_format=net.data_format,
        use_bias=net.choose(BOOLEANS),
        activation=net.choose(["relu", "sigmoid"]),
        **net.kernel,
    )(y)


def depthwise(net, y, earlier):
    multiplier = net.choose([1, 2]) if net.channels(y) < 7 else 1
    options = net.window(y, square=True) | {"depth_multiplier": multiplier}
    return net.layer("DepthwiseConv", **options)(y)


def separable(net, y, earlier):
    multiplier = net.choose([1, 2]) if net.channels(y) < 7 else 1
    options = net.window(y, square=True) | {"depth_multiplier": multiplier}
    return net.layer("SeparableConv", 6, **options)(y)


def pooling(net, y, earlier):
    size = net.choose([2, 3])
    return net.layer(
        net.choose(["MaxPooling", "AveragePooling"]),
        size,
        strides=net.choose([None, 1, 2]),
        padding=net.padding(y, size),
    )(y)


def adaptive(net, y, earlier):
    name = net.choose(["AdaptiveMaxPooling", "AdaptiveAveragePooling"])
    return net.layer(name, min(net.sizes(y)))(y)


def batch_norm(net, y, earlier):
    return layers.BatchNormalization(
        axis=net.choose([net.axis] * 3 + net.places),
        epsilon=net.choose([1e-3, 1e-2]),
        center=net.choose(BOOLEANS),
        scale=net.choose(BOOLEANS),
        renorm=net.choose([False, False, True]),
    )(y)


def group_norm(net, y, earlier):
    return layers.GroupNormalization(
        net.divisor(y),
        axis=net.axis,
        center=net.choose(BOOLEANS),
        scale=net.choose(BOOLEANS),
    )(y)


def norm(net, y, earlier):
    last = len(y.shape) - 1
    axes = [-1, [last - 1, last]]
    if keras.config.backend() != "torch":
        # On PyTorch, Keras normalises over the last axes in any case.
        axes += [net.axis, net.places]
    axis = net.choose([net.axis, *net.places])
    return net.choose(
        [
            layers.LayerNormalization(
                axis=net.choose(axes), center=net.choose(BOOLEANS)
            ),
            layers.RMSNormalization(axis=net.choose(axes[:2])),
            layers.UnitNormalization(axis=axis),
            layers.Softmax(axis=net.choose([axis, (last - 1, last)])),
        ]
    )(y)


def activation(net, y, earlier):
    shared = net.choose([None, net.places, [net.axis]])
    return net.choose(
        [
            layers.Activation(net.choose(["softplus", "tanh", "leaky_relu"])),
            layers.ReLU(max_value=net.choose([None, 0.5]), negative_slope=0.1),
            layers.ReLU(threshold=0.2),
            layers.LeakyReLU(negative_slope=0.2),
            layers.ELU(alpha=0.5),
            layers.PReLU("glorot_uniform", shared_axes=shared),
            layers.Rescaling(0.5, offset=net.choose([0.0, 0.1])),
        ]
    )(y)


def dropout(net, y, earlier):
    shape = [None, *y.shape[1:]]
    shape[net.choose([net.axis, *net.places])] = 1
    shape = net.choose([None, tuple(shape)])
    return layers.Dropout(0.2, noise_shape=shape)(y)


def padding(net, y, earlier):
    if max(net.sizes(y)) + 3 > LARGE:
        return y
    return net.layer("ZeroPadding", net.pairs([0, 1]))(y)


def cropping(net, y, earlier):
    if net.n == 1:
        # It has no data format: the axis in the middle is the one.
        return layers.Cropping1D((1, 0))(y) if y.shape[1] > 3 else y
    if min(net.sizes(y)) < 4:
        return y
    return net.layer("Cropping", net.pairs([0, 1]))(y)


def upsampling(net, y, earlier):
    if 2 * max(y.shape[1:]) > LARGE:
        return y
    if net.n == 1:
        return layers.UpSampling1D(2)(y)
    kind = net.choose(["nearest", "bilinear", "bicubic"])
    return net.layer("UpSampling", 2, interpolation=kind)(y)


def ops_padding(net, y, earlier):
    if net.channels(y) > 8:
        return y
    width = [[0, 0] for _ in y.shape]
    width[net.axis] = [net.choose([0, 1]), 1]
    return ops.pad(y, width)


def permute(net, y, earlier):
    places = net.places[::-1]
    axes = [0, *places]
    axes.insert(net.axis, net.axis)
    if net.choose(BOOLEANS):
        return layers.Permute(axes[1:])(y)
    return ops.transpose(y, axes)


def reshape(net, y, earlier):
    """Takes an axis apart, or two together, and makes it whole again."""
    *before, last = y.shape[1:]
    apart = [*before, 2, -1] if last % 2 == 0 else [*before, last, 1]
    together = [*before[:-1], before[-1] * last]
    return layers.Reshape(before + [last])(
        layers.Reshape(net.choose([apart, together]))(y)
    )


def split(net, y, earlier):
    count = net.channels(y)
    first = net.choose(range(1, count)) if count > 1 else 1
    where = [first] if count > 1 else 1
    parts = ops.split(
        y, where, axis=net.choose([net.axis, net.axis - net.n - 2])
    )
    return ops.concatenate(parts[::-1], axis=net.axis)


def gate(net, y, earlier):
    if net.choose(BOOLEANS):
        name = net.choose(["GlobalAveragePooling", "GlobalMaxPooling"])
        z = net.layer(name, keepdims=True)(y)
    else:
        reduce = net.choose([ops.mean, ops.max, ops.sum])
        axes = net.choose([net.places, [a - net.n - 2 for a in net.places]])
        z = reduce(y, axis=tuple(axes), keepdims=True)
    z = net.layer("Conv", net.channels(y), 1, activation="sigmoid")(z)
    return y * z


def merge(net, y, earlier):
    if net.sizes(earlier) != net.sizes(y):
        return y
    if net.channels(earlier) != net.channels(y):
        earlier = net.layer("Conv", net.channels(y), 1)(earlier)
    kinds = ["Add", "Add", "Average", "Maximum", "Subtract", "Multiply"]
    return getattr(layers, net.choose(kinds))()([y, earlier])


def concat(net, y, earlier):
    axis = net.choose([net.axis, net.axis, *net.places])
    shapes = [list(y.shape), list(earlier.shape)]
    size = shapes[0].pop(axis) + shapes[1].pop(axis)
    if shapes[0] != shapes[1] or size > LARGE:
        return y
    axis = net.choose([axis, axis - net.n - 2])
    return layers.Concatenate(axis=axis)([earlier, y])


STEPS = (
    conv,
    conv,
    grouped,
    causal,
    transposed,
    depthwise,
    separable,
    pooling,
    adaptive,
    batch_norm,
    batch_norm,
    group_norm,
    norm,
    activation,
    activation,
    dropout,
    padding,
    cropping,
    upsampling,
    ops_padding,
    permute,
    reshape,
    split,
    gate,
    merge,
    merge,
    concat,
)
