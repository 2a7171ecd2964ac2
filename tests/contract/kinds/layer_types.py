"""Layers other than those that most models are made of."""

import dataclasses

import keras
from keras import layers

from keras_slr.shrinking.heads import projections
from tests.contract.kinds.kind import Kind
from tests.contract.kinds.kind import floats
from tests.contract.kinds.kind import named
from tests.contract.kinds.kind import register


def recurrent():
    model = keras.Sequential(
        [
            keras.Input((5, 8)),
            layers.LSTM(8, return_sequences=True, name="lstm"),
            layers.GRU(8, name="gru"),
            layers.Dense(32, name="out"),
        ]
    )
    return Kind(
        model,
        floats(5, 8),
        floats(32, seed=1),
        lambda model: [
            kernel
            for name in ("lstm", "gru")
            for cell in [model.get_layer(name).cell]
            for kernel in (cell.kernel, cell.recurrent_kernel)
        ],
        plan={"include": [layers.LSTM, "class:GRU"]},
    )


def recurrent_by_default():
    kind = recurrent()
    return dataclasses.replace(kind, kernels=named("out"), plan={})


def bidirectional():
    x = keras.Input((5, 8))
    y = layers.Bidirectional(
        layers.RNN([layers.LSTMCell(8), layers.SimpleRNNCell(16)]), name="both"
    )(x)
    model = keras.Model(x, layers.Dense(8)(y))
    return Kind(
        model,
        floats(5, 8),
        floats(8, seed=1),
        lambda model: [
            kernel
            for part in (
                model.get_layer("both").forward_layer,
                model.get_layer("both").backward_layer,
            )
            for cell in part.cell.cells
            for kernel in (cell.kernel, cell.recurrent_kernel)
        ],
        plan={"include": "re:both"},
    )


def time_distributed():
    x = keras.Input((3, 5, 5, 2))
    y = layers.TimeDistributed(layers.Conv2D(16, 3, name="conv"))(x)
    y = layers.ConvLSTM2D(4, 2, name="memory")(y)
    y = layers.Flatten()(y)
    model = keras.Model(x, layers.Dense(4, name="out")(y))
    return Kind(
        model,
        floats(3, 5, 5, 2),
        floats(4, seed=1),
        lambda model: [
            model.layers[1].layer.kernel,
            model.get_layer("memory").cell.kernel,
        ],
        plan={"include": ["default", "re:conv", "re:.*lstm_cell.*/kernel"]},
    )


def attention():
    x = keras.Input((5, 16))
    y = layers.MultiHeadAttention(4, 4, name="heads")(x, x)
    y = layers.GroupQueryAttention(4, 4, 2, name="grouped")(y, y)
    y = layers.EinsumDense("abc,cd->abd", (5, 16), name="einsum")(y)
    model = keras.Model(x, layers.Dense(4)(y))

    def kernels(model):
        heads = model.get_layer("heads")
        query, _, _, output = projections(model.get_layer("grouped"))
        return [
            layer.kernel
            for layer in (
                heads.query_dense,
                heads.key_dense,
                heads.value_dense,
                heads.output_dense,
                query,
                output,
                model.get_layer("einsum"),
            )
        ]

    return Kind(model, floats(5, 16), floats(5, 4, seed=1), kernels)


def wrapped():
    """A kernel that its wrapper rescales in every step of training."""
    x = keras.Input((6, 6, 3))
    y = layers.SeparableConv2D(24, 3, depth_multiplier=4, name="separable")(x)
    y = layers.DepthwiseConv2D(3, depth_multiplier=2, name="depthwise")(y)
    y = layers.SpectralNormalization(layers.Conv2D(8, 1), name="wrapper")(y)
    y = layers.Conv2DTranspose(16, 2, name="transpose")(y)
    model = keras.Model(x, layers.GlobalAveragePooling2D()(y))
    return Kind(
        model,
        floats(6, 6, 3),
        floats(16, seed=1),
        lambda model: [
            model.get_layer("separable").pointwise_kernel,
            model.get_layer("depthwise").kernel,
            model.get_layer("wrapper").layer.kernel,
            model.get_layer("transpose").kernel,
        ],
        plan={"include": ["default", "re:depthwise"]},
    )


@register
class OwnLayer(layers.Layer):
    """Weights under names and of ranks that no layer of Keras has."""

    def build(self, shape):
        size = shape[-1]
        self.kernel = self.add_weight((size, size), name="kernel")
        self.table = self.add_weight((4, size, size), name="table")
        self.count = self.add_weight(
            (4, 4), dtype="int32", trainable=False, name="count"
        )

    def call(self, x):
        return keras.ops.matmul(x, self.kernel + self.table[0])


def own_layer():
    model = keras.Sequential([keras.Input((16,)), OwnLayer(name="own")])
    return Kind(
        model,
        floats(16),
        floats(16, seed=1),
        lambda model: [model.get_layer("own").kernel],
    )
