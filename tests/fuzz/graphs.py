"""Random small graphs of image layers.

`choose` is a function of a sequence that returns one of its items: a draw of
hypothesis, or of a generator of random numbers.
"""

import keras
from keras import layers

STEPS = (
    "conv",
    "strided",
    "norm",
    "activation",
    "depthwise",
    "separable",
    "residual",
    "concat",
    "gate",
    "groups",
    "group_norm",
)
BOOLEANS = (True, False)


def extended(tensors, step, choose, **kernel):
    """Returns one more tensor, made of the last and an earlier one.

    Args:
        tensors: List of Keras tensors, images of few pixels.
        step: One of `STEPS`.
        choose: See the head of this file.
        **kernel: Arguments of every convolution, such as its regularizer.
    """
    y = tensors[-1]
    channels = y.shape[-1]
    earlier = choose(tensors)
    padding = choose(["same", "valid"])
    padding = padding if y.shape[1] > 3 else "same"
    if step == "conv":
        return layers.Conv2D(
            choose([4, 6]),
            choose([1, 3]),
            padding=padding,
            use_bias=choose(BOOLEANS),
            activation=choose([None, "relu", "sigmoid"]),
            **kernel,
        )(y)
    if step == "strided":
        return layers.MaxPooling2D(2, padding="same")(y)
    if step == "norm":
        return layers.BatchNormalization(scale=choose(BOOLEANS))(y)
    if step == "activation":
        name = choose(["relu", "softplus", "tanh", "gelu"])
        return layers.Activation(name)(y)
    if step == "depthwise":
        multiplier = choose([1, 2]) if channels < 7 else 1
        return layers.DepthwiseConv2D(
            2, padding=padding, depth_multiplier=multiplier
        )(y)
    if step == "separable":
        return layers.SeparableConv2D(6, 2, padding=padding)(y)
    if step == "groups" and channels % 2 == 0:
        return layers.Conv2D(4, 3, padding="same", groups=2, **kernel)(y)
    if step == "group_norm" and channels % 2 == 0:
        return layers.GroupNormalization(channels // 2)(y)
    if step == "gate":
        gate = layers.GlobalAveragePooling2D(keepdims=True)(y)
        return y * layers.Conv2D(channels, 1, activation="sigmoid")(gate)
    if earlier.shape[1] != y.shape[1]:
        return y
    if step == "concat" and channels + earlier.shape[-1] < 16:
        return layers.Concatenate()([earlier, y])
    if step == "residual":
        if earlier.shape[-1] != channels:
            earlier = layers.Conv2D(channels, 1)(earlier)
        return layers.Add()([earlier, y])
    return y


def image_graph(choose, **kernel):
    """Returns the input and the output, a vector, of a random graph."""
    x = keras.Input((6, 6, 2))
    tensors = [layers.Conv2D(6, 3, padding="same", **kernel)(x)]
    for _ in range(choose(range(2, 7))):
        tensors.append(extended(tensors, choose(STEPS), choose, **kernel))
    flat = choose([layers.Flatten, layers.GlobalMaxPooling2D])
    return x, flat()(tensors[-1])
