"""Layers and weights that are used more than once."""

import keras
from keras import layers

from tests.contract.kinds.kind import WEIGHTS
from tests.contract.kinds.kind import Kind
from tests.contract.kinds.kind import floats
from tests.contract.kinds.kind import named
from tests.contract.kinds.kind import register
from tests.contract.kinds.kind import tokens


def shared_and_nested():
    inner_in = keras.Input((20,))
    shared = layers.Dense(20, name="shared")
    inside = layers.Dense(20, activation="relu", name="inside")
    inner = keras.Model(inner_in, inside(shared(inner_in)), name="inner")
    x = keras.Input((20,))
    model = keras.Model(x, layers.Dense(4)(inner(shared(inner(x)))))
    return Kind(
        model,
        floats(20),
        floats(4, seed=1),
        lambda model: [
            model.get_layer("inner").get_layer(name).kernel
            for name in ("shared", "inside")
        ],
        saved_as=WEIGHTS,
    )


def submodels():
    """Two models in one, with a layer that is in both."""
    shared = layers.Dense(16, activation="relu", name="shared")

    def branch(name):
        own = layers.Dense(16, name=f"own_{name}")
        return keras.Sequential([keras.Input((16,)), shared, own], name=name)

    a, b = keras.Input((16,)), keras.Input((16,))
    model = keras.Model(
        [a, b], layers.Subtract()([branch("one")(a), branch("two")(b)])
    )
    return Kind(
        model,
        [floats(16), floats(16, seed=2)],
        floats(16, seed=1),
        lambda model: [
            model.get_layer("one").get_layer("shared").kernel,
            model.get_layer("one").get_layer("own_one").kernel,
            model.get_layer("two").get_layer("own_two").kernel,
        ],
        saved_as=WEIGHTS,
    )


def embedding():
    x = keras.Input((5,), dtype="int32")
    y = layers.Embedding(20, 16, name="table")(x)
    model = keras.Model(x, layers.Dense(20, name="out")(y))
    return Kind(
        model,
        tokens(5),
        floats(5, 20),
        lambda model: [
            model.get_layer("table").embeddings,
            model.get_layer("out").kernel,
        ],
        plan={"include": ["default", layers.Embedding]},
    )


def reversible_embedding():
    """A small decoder as KerasHub builds them, its head tied to its table."""
    x = keras.Input((5,), dtype="int32")
    table = layers.ReversibleEmbedding(20, 16, name="table")
    y = z = table(x)
    y = layers.MultiHeadAttention(2, 8, name="attention")(
        y, y, use_causal_mask=True
    )
    y = z = layers.LayerNormalization()(y + z)
    y = layers.Dense(32, activation="gelu", name="up")(y)
    y = layers.Dense(16, name="down")(y)
    y = layers.RMSNormalization()(y + z)
    model = keras.Model(x, table(y, reverse=True))
    return Kind(
        model,
        tokens(5),
        floats(5, 20),
        lambda model: [
            model.get_layer("table").embeddings,
            *named("up", "down")(model),
        ],
        plan={"include": "re:table|up|down"},
    )


@register
class Tied(layers.Layer):
    """Projects back by the table of an embedding that it was given."""

    def __init__(self, table, **kwargs):
        super().__init__(**kwargs)
        self.table = table

    def call(self, x):
        return keras.ops.matmul(x, keras.ops.transpose(self.table.embeddings))

    def get_config(self):
        table = keras.saving.serialize_keras_object(self.table)
        return super().get_config() | {"table": table}

    @classmethod
    def from_config(cls, config):
        table = keras.saving.deserialize_keras_object(config.pop("table"))
        return cls(table, **config)


def tied():
    x = keras.Input((5,), dtype="int32")
    table = layers.Embedding(20, 16, name="table")
    y = layers.Dense(16, name="mix")(table(x))
    model = keras.Model(x, Tied(table, name="tied")(y))
    return Kind(
        model,
        tokens(5),
        floats(5, 20),
        lambda model: [
            model.get_layer("table").embeddings,
            model.get_layer("mix").kernel,
        ],
        plan={"include": ["default", "re:table"]},
        saved_as=WEIGHTS,
    )
