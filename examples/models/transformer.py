"""A transformer encoder that classifies text (arXiv 1706.03762)."""

import keras
from keras import layers

from examples.models.blocks import mlp


@keras.saving.register_keras_serializable("keras_slr_examples")
class Positions(layers.Layer):
    """Adds a learned vector to each position of a sequence.

    Call:
        x: Tensor of `(batch, length, channels)`; the output has the same
            shape.
    """

    def build(self, shape):
        self.positions = self.add_weight(
            shape=shape[1:],
            initializer=keras.initializers.RandomNormal(stddev=0.02),
            name="positions",
        )

    def call(self, x):
        return x + self.positions


def encoder(length, words, classes, width=128, heads=4, blocks=4):
    """Returns the network, with logits. Blocks normalize their inputs.

    Args:
        length: Integer, the number of tokens of a text.
        words: Integer, size of the vocabulary.
        classes: Integer.
        width: Integer, channels of a token. Defaults to `128`.
        heads: Integer, divides the width. Defaults to `4`.
        blocks: Integer. Defaults to `4`.
    """
    inputs = keras.Input((length,), dtype="int32")
    x = Positions(name="positions")(layers.Embedding(words, width)(inputs))
    for block in range(1, blocks + 1):
        name = f"block{block}"
        y = layers.LayerNormalization(name=f"{name}_attention_norm")(x)
        y = layers.MultiHeadAttention(
            heads, width // heads, name=f"{name}_attention"
        )(y, y)
        x = layers.Add()([x, y])
        y = layers.LayerNormalization(name=f"{name}_mlp_norm")(x)
        y = mlp(y, 4 * width, dropout=0.1, name=f"{name}_mlp")
        x = layers.Add()([x, y])
    x = layers.LayerNormalization(name="norm")(x)
    x = layers.GlobalAveragePooling1D()(x)
    x = layers.Dense(classes, name="logits")(x)
    return keras.Model(inputs, x, name="encoder")
