"""Several inputs and outputs, and training steps of their own."""

import keras
import numpy as np
from keras import layers

from tests.contract.kinds.kind import ROWS
from tests.contract.kinds.kind import Kind
from tests.contract.kinds.kind import floats
from tests.contract.kinds.kind import named
from tests.contract.kinds.kind import register
from tests.contract.kinds.kind import tokens
from tests.contract.own_steps import OwnStep


def inputs_and_outputs():
    a, b = keras.Input((16,), name="a"), keras.Input((6, 6, 3), name="b")
    x = layers.Dense(16, activation="relu", name="dense")(a)
    y = layers.Conv2D(8, 3, name="stem")(b)
    y = layers.Conv2D(16, 3, activation="relu", name="conv")(y)
    y = layers.GlobalAveragePooling2D()(y)
    z = layers.Dense(24, name="joint")(layers.Concatenate()([x, y]))
    model = keras.Model(
        {"a": a, "b": b},
        {
            "number": layers.Dense(2, name="number")(z),
            "class": layers.Dense(12, activation="softmax", name="class")(z),
        },
    )
    return Kind(
        model,
        {"a": floats(16), "b": floats(6, 6, 3)},
        {"number": floats(2), "class": tokens(1, words=12)},
        named("dense", "conv", "joint", "class"),
        compile={
            "loss": {
                "number": "mse",
                "class": "sparse_categorical_crossentropy",
            },
            "loss_weights": {"number": 0.5, "class": 1.0},
            "metrics": {"class": ["accuracy"]},
        },
    )


@register
class OwnStepModel(OwnStep):
    pass


def own_train_step():
    inputs = keras.Input((16,))
    x = layers.Dense(24, activation="relu", name="a")(inputs)
    model = OwnStepModel(inputs, layers.Dense(4)(x))
    return Kind(model, floats(16), floats(4, seed=1), named("a"))


def distiller():
    """The student is pruned; the teacher, which is frozen, is not."""

    def net(units):
        return keras.Sequential(
            [
                keras.Input((16,)),
                layers.Dense(units, activation="relu", name="hidden"),
                layers.Dense(4, name="logits"),
            ]
        )

    model = keras.distillation.Distiller(
        teacher=net(32),
        student=net(20),
        # The mean squared difference of the logits; by default Keras takes
        # a divergence of distributions, which it does not make them first.
        distillation_losses=keras.distillation.LogitsDistillation(
            loss=keras.losses.MeanSquaredError()
        ),
    )
    return Kind(
        model,
        floats(16),
        np.random.default_rng(0).integers(0, 4, ROWS),
        lambda model: [model.student.get_layer("hidden").kernel],
        compile={
            "loss": keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        },
        frozen=lambda model: model.teacher.weights,
        result=lambda model: model.student,
    )
