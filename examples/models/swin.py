"""Swin-T (arXiv 2103.14030), with patches and windows for small images."""

import keras
import numpy as np
from keras import layers
from keras import ops

from examples.models.blocks import divided
from examples.models.blocks import mlp

# For 32x32 images instead of 224x224: 16x16 tokens in the first stage, 2x2 in
# the last.
_PATCH = 2
_WINDOW = 4
# Blocks and heads in each stage.
_STAGES = ((2, 3), (2, 6), (6, 12), (2, 24))
# Stands for minus infinity, also in half precision.
_NEVER = -1e4


def swin_t(shape=(32, 32, 3), classes=10, scale=1):
    """Returns the network, with logits.

    Args:
        shape: See `vgg_16`; height and width are multiples of 16.
        classes: See `vgg_16`.
        scale: See `vgg_16`; it divides widths, and the pairs of blocks.
    """
    inputs = keras.Input(shape)
    x = layers.Conv2D(96 // scale, _PATCH, _PATCH, name="patches")(inputs)
    x = layers.LayerNormalization(name="patches_norm")(x)
    for stage, (count, heads) in enumerate(_STAGES, start=1):
        if stage > 1:
            x = _merged(x, name=f"stage{stage}_merge")
        # Windows are shifted in every second block.
        for block in range(2 * divided(count // 2, scale)):
            name = f"stage{stage}_block{block + 1}"
            x = _block(x, heads, shifted=block % 2 == 1, name=name)
    x = layers.LayerNormalization(name="norm")(x)
    x = layers.GlobalAveragePooling2D()(x)
    x = layers.Dense(classes, name="logits")(x)
    return keras.Model(inputs, x, name="swin_t")


@keras.saving.register_keras_serializable("keras_slr_examples")
class WindowAttention(layers.Layer):
    """Attention among the tokens of each window.

    Scores get a learned bias for each offset between two tokens. With `shift`,
    windows cross the borders of the unshifted windows. Tokens from opposite
    ends of the image, which the shift brings together, do not attend to each
    other.

    Args:
        window: Integer, height and width of a window in tokens; divides those
            of the image.
        shift: Integer, the shift of the windows in tokens.
        heads: Integer, divides the channels.

    Call:
        x: Tensor of `(batch, height, width, channels)`; the output has the
            same shape.
    """

    def __init__(self, window, shift, heads, **kwargs):
        super().__init__(**kwargs)
        self.window = window
        self.shift = shift
        self.heads = heads

    def build(self, shape):
        channels = shape[-1]
        self.qkv = layers.Dense(3 * channels, name="qkv")
        self.projection = layers.Dense(channels, name="projection")
        for layer in (self.qkv, self.projection):
            layer.build((None, channels))
        self.bias = self.add_weight(
            shape=((2 * self.window - 1) ** 2, self.heads),
            initializer=keras.initializers.TruncatedNormal(stddev=0.02),
            name="relative_position_bias",
        )
        self._offsets = _offsets(self.window)
        self._mask = _mask(*shape[1:3], self.window, self.shift)

    def call(self, x):
        _, height, width, channels = x.shape
        rows, columns = height // self.window, width // self.window
        tokens, size = self.window**2, channels // self.heads
        x = ops.roll(x, (-self.shift, -self.shift), (1, 2))
        x = self._windows(x, rows, columns)
        qkv = ops.reshape(
            self.qkv(x), (-1, rows * columns, tokens, 3, self.heads, size)
        )
        q, k, v = ops.unstack(ops.transpose(qkv, (3, 0, 1, 4, 2, 5)), 3)
        scores = q @ ops.swapaxes(k, -1, -2) * size**-0.5
        bias = ops.take(self.bias, self._offsets.ravel(), axis=0)
        bias = ops.reshape(bias, (tokens, tokens, self.heads))
        scores = scores + ops.transpose(bias, (2, 0, 1))
        scores = scores + ops.cast(self._mask[:, None], scores.dtype)
        x = ops.transpose(ops.softmax(scores) @ v, (0, 1, 3, 2, 4))
        x = ops.reshape(x, (-1, rows * columns, tokens, channels))
        x = self._image(self.projection(x), rows, columns)
        return ops.roll(x, (self.shift, self.shift), (1, 2))

    def _windows(self, x, rows, columns):
        """From an image of tokens to `(batch, windows, tokens, channels)`."""
        side, channels = self.window, x.shape[-1]
        x = ops.reshape(x, (-1, rows, side, columns, side, channels))
        x = ops.transpose(x, (0, 1, 3, 2, 4, 5))
        return ops.reshape(x, (-1, rows * columns, side**2, channels))

    def _image(self, x, rows, columns):
        """The inverse of `_windows`."""
        side, channels = self.window, x.shape[-1]
        x = ops.reshape(x, (-1, rows, columns, side, side, channels))
        x = ops.transpose(x, (0, 1, 3, 2, 4, 5))
        return ops.reshape(x, (-1, rows * side, columns * side, channels))

    def compute_output_shape(self, shape):
        return shape

    def get_config(self):
        return super().get_config() | {
            "window": self.window,
            "shift": self.shift,
            "heads": self.heads,
        }


def _block(x, heads, shifted, name):
    # A window as large as the image cannot be shifted.
    window = min(_WINDOW, *x.shape[1:3])
    shift = window // 2 if shifted and window < min(x.shape[1:3]) else 0
    y = layers.LayerNormalization(name=f"{name}_attention_norm")(x)
    y = WindowAttention(window, shift, heads, name=f"{name}_attention")(y)
    x = layers.Add()([x, y])
    y = layers.LayerNormalization(name=f"{name}_mlp_norm")(x)
    return layers.Add()([x, mlp(y, 4 * x.shape[-1], name=f"{name}_mlp")])


def _merged(x, name):
    """Merges each 2x2 square of tokens into one with twice the channels."""
    _, height, width, channels = x.shape
    x = layers.Reshape((height // 2, 2, width // 2, 2 * channels))(x)
    x = layers.Permute((1, 3, 2, 4))(x)
    x = layers.Reshape((height // 2, width // 2, 4 * channels))(x)
    x = layers.LayerNormalization(name=f"{name}_norm")(x)
    return layers.Dense(2 * channels, use_bias=False, name=f"{name}_dense")(x)


def _offsets(window):
    """Returns the number of the offset between tokens, `(tokens, tokens)`."""
    places = np.indices((window, window)).reshape(2, -1)
    apart = places[:, :, None] - places[:, None, :] + window - 1
    return apart[0] * (2 * window - 1) + apart[1]


def _mask(height, width, window, shift):
    """Returns the mask to add to scores, `(windows, tokens, tokens)`."""
    # The shift has moved the last tokens of each direction from the other end.
    folded = [np.arange(n) >= n - shift for n in (height, width)]
    part = 2 * folded[0][:, None] + folded[1][None, :]
    part = part.reshape(height // window, window, width // window, window)
    part = part.transpose(0, 2, 1, 3).reshape(-1, window**2)
    apart = part[:, :, None] != part[:, None, :]
    return np.where(apart, _NEVER, 0.0).astype("float32")
