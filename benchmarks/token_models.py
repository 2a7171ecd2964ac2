"""Networks on sequences of patches, rows or words, with logits."""

import keras
from keras import layers

# CIFAR-10 in patches of this many pixels a side, and channels of a patch.
PATCH = 4
WIDTH = 64


class Positions(layers.Layer):
    """Adds a learned vector to each place of a sequence."""

    def build(self, shape):
        self.positions = self.add_weight(
            shape=shape[1:],
            initializer=keras.initializers.RandomNormal(stddev=0.02),
            name="positions",
        )

    def call(self, x):
        return x + self.positions


def mixer(shape=(32, 32, 3), patch=PATCH, blocks=5):
    """MLP-Mixer (arXiv 2105.01601) for images, by default CIFAR-10.

    It has 109,000 parameters.

    Args:
        shape: Tuple of integers, of one image.
        patch: Integer, pixels a side.
        blocks: Integer.
    """
    inputs, x = _patches(shape, patch)
    for _ in range(blocks):
        y = layers.Permute((2, 1))(layers.LayerNormalization()(x))
        y = layers.Permute((2, 1))(_mlp(y, 32))
        x = layers.Add()([x, y])
        y = _mlp(layers.LayerNormalization()(x), 128)
        x = layers.Add()([x, y])
    return keras.Model(inputs, _logits(x), name="mixer")


def vit():
    """Vision Transformer (arXiv 2010.11929) for CIFAR-10, 142,000 parameters.

    Tokens are averaged; there is none for the class.
    """
    inputs, x = _patches((32, 32, 3), PATCH)
    x = Positions()(x)
    for _ in range(4):
        x = _attention_block(x, 128)
    return keras.Model(inputs, _logits(x), name="vit")


def sentence_convolutions(words=20, length=16):
    """Convolutions on sentences, in classes of ten."""
    inputs = keras.Input((length,), dtype="int32")
    x = layers.Embedding(words, 32)(inputs)
    x = layers.Conv1D(96, 2, activation="relu")(x)
    x = layers.Conv1D(96, 3, activation="relu")(x)
    x = layers.Dense(10)(layers.GlobalAveragePooling1D()(x))
    return keras.Model(inputs, x, name="sentence_convolutions")


def digits_attention():
    """A transformer of two blocks for images of 8x8, a row a token."""
    inputs = keras.Input((8, 8, 1))
    x = layers.Dense(32)(layers.Reshape((8, 8))(inputs))
    x = Positions()(x)
    for _ in range(2):
        x = _attention_block(x, 64)
    return keras.Model(inputs, _logits(x), name="digits_attention")


def _patches(shape, patch):
    inputs = keras.Input(shape)
    x = layers.Conv2D(WIDTH, patch, patch)(inputs)
    return inputs, layers.Reshape((-1, WIDTH))(x)


def _attention_block(x, hidden):
    y = layers.LayerNormalization()(x)
    y = layers.MultiHeadAttention(4, x.shape[-1] // 4)(y, y)
    x = layers.Add()([x, y])
    y = _mlp(layers.LayerNormalization()(x), hidden)
    return layers.Add()([x, y])


def _mlp(x, hidden):
    y = layers.Dense(hidden, activation="gelu")(x)
    return layers.Dense(x.shape[-1])(y)


def _logits(x):
    x = layers.GlobalAveragePooling1D()(layers.LayerNormalization()(x))
    return layers.Dense(10)(x)
