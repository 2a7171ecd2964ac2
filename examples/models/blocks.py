"""Building blocks that several networks share."""

import functools

from keras import layers

# The momentum of the published implementations. The statistics follow the
# weights closely, which change fast during pruning.
batch_norm = functools.partial(layers.BatchNormalization, momentum=0.9)


def convolution(
    x, filters, size, stride=1, activation="relu", dilation=1, *, name
):
    """Convolution without bias, batch norm, activation.

    Args:
        x: Keras tensor of `(batch, height, width, channels)`.
        filters: Integer.
        size: Integer, height and width of the window.
        stride: Integer. Defaults to `1`.
        activation: String, or `None` for none. Defaults to `"relu"`.
        dilation: Integer, pixels from one entry of the window to the next.
            Defaults to `1`.
        name: String, the name of the convolution.
    """
    x = layers.Conv2D(
        filters,
        size,
        stride,
        padding="same",
        dilation_rate=dilation,
        use_bias=False,
        name=name,
    )(x)
    x = batch_norm(name=f"{name}_norm")(x)
    if activation is not None:
        x = layers.Activation(activation, name=f"{name}_{activation}")(x)
    return x


def separable(x, filters, stride=1, activation="relu", *, name):
    """Depthwise 3x3 convolution, then 1x1, each with batch norm.

    Args:
        x: Keras tensor of `(batch, height, width, channels)`.
        filters: Integer, channels after the 1x1 convolution.
        stride: Integer. Defaults to `1`.
        activation: String. Defaults to `"relu"`.
        name: String, in front of the names of both convolutions.
    """
    x = layers.DepthwiseConv2D(
        3, stride, padding="same", use_bias=False, name=f"{name}_depthwise"
    )(x)
    x = batch_norm(name=f"{name}_depthwise_norm")(x)
    x = layers.Activation(activation, name=f"{name}_depthwise_{activation}")(x)
    return convolution(
        x, filters, 1, activation=activation, name=f"{name}_pointwise"
    )


def mlp(x, hidden, dropout=0.0, *, name):
    """Two dense layers on the last axis, with GELU between.

    Args:
        x: Keras tensor of `(..., channels)`.
        hidden: Integer, width between the two.
        dropout: Float in `[0, 1)`. Defaults to `0.0`.
        name: String, in front of the names of both layers.
    """
    y = layers.Dense(hidden, activation="gelu", name=f"{name}_dense1")(x)
    if dropout:
        y = layers.Dropout(dropout, name=f"{name}_dropout")(y)
    return layers.Dense(x.shape[-1], name=f"{name}_dense2")(y)


def divided(count, scale, least=1):
    """Returns a number of filters or blocks of a net `scale` times smaller."""
    return max(count // scale, least)
