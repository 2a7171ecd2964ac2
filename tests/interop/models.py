"""Small models with every kind of layer that the interop must take."""

import keras
import numpy as np
from keras import layers

import keras_slr

# What is pruned in `branched`, by the name of the layer.
KERNELS = {
    "stem": (216, 173),
    "mixed": (64, 51),
    "wide": (4608, 3686),
    "head": (320, 256),
}


def data():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(96, 8, 8, 3)).astype("float32")
    return x, (x.mean((1, 2)).argmax(-1) + 3 * (x[:, 0, 0, 0] > 0)).astype(int)


def branched():
    """Functional: batch norm, residual, separable, depthwise, concatenate."""
    x = keras.Input((8, 8, 3), name="image")
    h = layers.Conv2D(
        8,
        3,
        padding="same",
        use_bias=False,
        kernel_regularizer=keras.regularizers.L2(1e-4),
        name="stem",
    )(x)
    h = layers.BatchNormalization(name="norm")(h)
    h = shortcut = layers.ReLU(6.0, name="relu")(h)
    h = layers.SeparableConv2D(8, 3, padding="same", name="mixed")(h)
    h = layers.BatchNormalization(name="norm_2")(h)
    h = layers.Add(name="sum")([h, shortcut])
    h = layers.DepthwiseConv2D(3, padding="same", strides=2, name="deep")(h)
    h = layers.BatchNormalization(name="norm_3")(h)
    h = layers.ReLU(name="relu_3")(h)
    pooled = layers.AveragePooling2D(2, name="pool")(shortcut)
    h = layers.Concatenate(name="both")([h, pooled])
    h = layers.Conv2D(32, 3, activation="relu", name="wide")(h)
    h = layers.GlobalAveragePooling2D(name="mean")(h)
    h = layers.Dense(10, activation="softmax", name="head")(h)
    return keras.Model(x, h, name="branched")


def sequential():
    return keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            layers.Conv2D(8, 3, name="first"),
            layers.BatchNormalization(name="norm"),
            layers.LeakyReLU(negative_slope=0.1, name="leak"),
            layers.Dropout(0.1, name="drop"),
            layers.Flatten(name="flat"),
            layers.Dense(10, name="last"),
        ],
        name="plain",
    )


def prune(model):
    """Prunes every kernel but depthwise ones, and gives norms statistics."""
    rng = np.random.default_rng(1)
    for layer in model.layers:
        if isinstance(layer, layers.BatchNormalization):
            for variable in layer.variables:
                variable.assign(rng.uniform(0.5, 2.0, variable.shape))
    keras_slr.hard_prune(
        model,
        0.8,
        include="re:.*kernel",
        exclude=[
            variable.path
            for variable in model.weights
            if "depthwise" in variable.path or "deep" in variable.path
        ],
        allocation="uniform",
    )
    return model


def compiled(model, from_logits=False):
    model.compile(
        keras.optimizers.AdamW(1e-3),
        keras.losses.SparseCategoricalCrossentropy(from_logits=from_logits),
        metrics=["accuracy"],
    )
    return model


def factory():
    """What a user's own schedule looks like; runs in the child only."""
    import tensorflow_model_optimization as tfmot

    return tfmot.sparsity.keras.PolynomialDecay(0.2, 0.75, 1, 5, frequency=1)
