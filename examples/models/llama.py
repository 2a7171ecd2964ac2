"""The decoder of Llama language models (arXiv 2302.13971, 2305.13245)."""

import keras
from keras import layers
from keras import ops


@keras.saving.register_keras_serializable("keras_slr_examples")
class CausalAttention(layers.Layer):
    """Attends from each token to itself and the tokens before it.

    Queries and keys are turned by angles that grow with the position (rotary
    embedding, arXiv 2104.09864). Channels `2 i` and `2 i + 1` of a head are
    turned together, as GGUF files arrange them.

    Args:
        head_width: Integer, channels of a head, even.
        base: Float, the base of the wavelengths.

    Call:
        query: Tensor of `(batch, length, heads * head_width)`.
        key: Tensor of `(batch, length, groups * head_width)`. Each group of
            consecutive query heads shares a head of keys and values.
        value: Tensor like `key`.

    Returns:
        Tensor like `query`.
    """

    def __init__(self, head_width, base=10_000.0, **kwargs):
        super().__init__(**kwargs)
        self.head_width = head_width
        self.base = base

    def call(self, query, key, value):
        query, key, value = (self._heads(x) for x in (query, key, value))
        share = query.shape[2] // key.shape[2]
        key, value = (
            ops.repeat(x, share, axis=2) for x in (self._turn(key), value)
        )
        out = ops.dot_product_attention(
            self._turn(query), key, value, is_causal=True
        )
        batch, length, heads, width = ops.shape(out)
        return ops.reshape(out, (batch, length, heads * width))

    def _heads(self, x):
        batch, length, width = ops.shape(x)
        heads = width // self.head_width
        return ops.reshape(x, (batch, length, heads, self.head_width))

    def _turn(self, x):
        batch, length, heads, width = ops.shape(x)
        wavelengths = self.base ** (ops.arange(0, width, 2) / width)
        positions = ops.arange(length, dtype="float32")[:, None, None]
        angles = positions / ops.cast(wavelengths, "float32")
        cos, sin = (ops.cast(f(angles), x.dtype) for f in (ops.cos, ops.sin))
        pairs = ops.reshape(x, (batch, length, heads, width // 2, 2))
        a, b = pairs[..., 0], pairs[..., 1]
        turned = ops.stack([a * cos - b * sin, a * sin + b * cos], axis=-1)
        return ops.reshape(turned, (batch, length, heads, width))

    def compute_output_shape(self, query_shape, *_):
        return query_shape

    def get_config(self):
        config = {"head_width": self.head_width, "base": self.base}
        return super().get_config() | config


def llama(
    words,
    width,
    heads,
    key_heads,
    hidden,
    blocks,
    base=10_000.0,
    epsilon=1e-5,
):
    """Returns the network, with logits of the next token for each token.

    The embedding also gives the logits (tied weights).

    Args:
        words: Integer, size of the vocabulary.
        width: Integer, channels of a token.
        heads: Integer, heads of the queries, divides the width.
        key_heads: Integer, heads of the keys and values, divides `heads`.
        hidden: Integer, channels inside of a feed-forward part.
        blocks: Integer.
        base: Float, of the rotary embedding. Defaults to `10_000.0`.
        epsilon: Float, of the normalization. Defaults to `1e-5`.
    """
    head_width = width // heads

    def norm(x, name):
        return layers.RMSNormalization(epsilon=epsilon, name=name)(x)

    def dense(x, units, name, activation=None):
        return layers.Dense(units, activation, use_bias=False, name=name)(x)

    inputs = keras.Input((None,), dtype="int32")
    embedding = layers.ReversibleEmbedding(words, width, name="embedding")
    x = embedding(inputs)
    for block in range(1, blocks + 1):
        name = f"block{block}"
        y = norm(x, f"{name}_attention_norm")
        y = CausalAttention(head_width, base, name=f"{name}_attention")(
            dense(y, width, f"{name}_query"),
            dense(y, key_heads * head_width, f"{name}_key"),
            dense(y, key_heads * head_width, f"{name}_value"),
        )
        x = layers.Add()([x, dense(y, width, f"{name}_output")])
        y = norm(x, f"{name}_mlp_norm")
        y = layers.Multiply()(
            [
                dense(y, hidden, f"{name}_gate", "silu"),
                dense(y, hidden, f"{name}_up"),
            ]
        )
        x = layers.Add()([x, dense(y, width, f"{name}_down")])
    x = norm(x, "norm")
    return keras.Model(inputs, embedding(x, reverse=True), name="llama")


def body(model):
    """Returns the part of a `llama` before the logits, with its weights.

    All kernels are in it. The logits of long texts would fill the memory.
    """
    return keras.Model(model.input, model.get_layer("norm").output)
