"""Models that are built, and models that are not yet."""

import keras
from keras import layers

from tests.contract.kinds.kind import Kind
from tests.contract.kinds.kind import floats
from tests.contract.kinds.kind import named
from tests.contract.kinds.kind import register


def sequential():
    model = keras.Sequential(
        [
            keras.Input((16,)),
            layers.Dense(24, activation="relu", name="a"),
            layers.BatchNormalization(),
            layers.Dropout(0.2),
            layers.Dense(16, name="b"),
            layers.Dense(4, name="small"),
        ]
    )
    return Kind(model, floats(16), floats(4, seed=1), named("a", "b"))


def unbuilt():
    model = keras.Sequential([layers.Dense(24), layers.Dense(4)])
    return Kind(
        model, floats(16), floats(4), lambda model: [model.layers[0].kernel]
    )


@register
class Lazy(keras.Model):
    """Makes its layers when it sees its first input."""

    def build(self, shape):
        self.first = layers.Dense(2 * shape[-1], activation="relu")
        self.first.build(shape)
        self.last = layers.Dense(shape[-1])
        self.last.build((None, 2 * shape[-1]))

    def call(self, x):
        return self.last(self.first(x))


def lazy():
    return Kind(
        Lazy(),
        floats(16),
        floats(16, seed=1),
        lambda model: [model.first.kernel, model.last.kernel],
    )


@register
class Collections(keras.Model):
    """Holds its layers in a list, a tuple and a dict of lists."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.listed = [layers.Dense(16) for _ in range(2)]
        self.paired = (layers.Dense(16), layers.Activation("relu"))
        self.by_name = {"deep": [layers.Dense(16)], "out": layers.Dense(4)}

    def call(self, x):
        for layer in [*self.listed, *self.paired, *self.by_name["deep"]]:
            x = layer(x)
        return self.by_name["out"](x)


def collections():
    return Kind(
        Collections(),
        floats(16),
        floats(4, seed=1),
        lambda model: [
            layer.kernel
            for layer in (
                *model.listed,
                model.paired[0],
                *model.by_name["deep"],
            )
        ],
    )
