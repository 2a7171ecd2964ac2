"""Weights that do not train, or train by factors beside them."""

import dataclasses

import keras
from keras import layers

from tests.contract.kinds.construction import sequential
from tests.contract.kinds.kind import Kind
from tests.contract.kinds.kind import floats
from tests.contract.kinds.kind import named


def lora():
    kind = sequential()
    kind.model.get_layer("a").enable_lora(2)
    return dataclasses.replace(
        kind,
        kernels=named("b"),
        frozen=lambda model: [model.get_layer("a")._kernel],
    )


def lora_kernels():
    """The factors themselves, of which one begins as zeros."""
    model = keras.Sequential(
        [keras.Input((16,)), layers.Dense(24, name="a"), layers.Dense(4)]
    )
    model.layers[0].enable_lora(8)
    return Kind(
        model,
        floats(16),
        floats(4, seed=1),
        lambda model: [
            model.get_layer("a").lora_kernel_a,
            model.get_layer("a").lora_kernel_b,
        ],
        plan={"include": "re:.*lora_kernel.*"},
        frozen=lambda model: [model.get_layer("a")._kernel],
        # Keras adds the factors to the kernel when it saves them.
        saved_as=None,
    )


def frozen():
    kind = sequential()
    kind.model.get_layer("a").trainable = False
    return dataclasses.replace(kind, kernels=named("b"), frozen=named("a"))


def frozen_after():
    """Frozen when the callback is there and the model is compiled."""

    def freeze(model):
        model.get_layer("b").trainable = False

    return dataclasses.replace(
        sequential(),
        kernels=named("a"),
        frozen=named("b"),
        after=freeze,
    )


def frozen_backbone():
    inner = keras.Sequential(
        [
            keras.Input((16,)),
            layers.Dense(20, activation="relu", name="inside"),
            layers.BatchNormalization(),
        ],
        name="backbone",
    )
    inner.trainable = False
    x = keras.Input((16,))
    model = keras.Model(x, layers.Dense(16, name="head")(inner(x)))
    return Kind(
        model,
        floats(16),
        floats(16, seed=1),
        named("head"),
        frozen=lambda model: model.get_layer("backbone").weights,
    )
