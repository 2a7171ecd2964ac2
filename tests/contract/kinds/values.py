"""What the weights are when pruning begins."""

import keras
import numpy as np
from keras import layers

from tests.contract.kinds.construction import sequential
from tests.contract.kinds.kind import Kind
from tests.contract.kinds.kind import floats
from tests.contract.kinds.kind import named


def sparse_already():
    """One kernel with more zeros than asked for, one with fewer."""
    kind = sequential()
    for name, share in (("a", 0.9), ("b", 0.3)):
        kernel = kind.model.get_layer(name).kernel
        rng = np.random.default_rng(0)
        w = keras.ops.convert_to_numpy(kernel)
        kernel.assign(np.where(rng.random(w.shape) < share, 0.0, w))
    return kind


def zeros():
    """A branch that begins as nothing, as the last layers of blocks do."""
    x = keras.Input((16,))
    y = layers.Dense(16, activation="relu", name="a")(x)
    y = layers.Dense(16, kernel_initializer="zeros", name="b")(y)
    model = keras.Model(x, layers.Add()([x, y]))
    return Kind(model, floats(16), floats(16, seed=1), named("a", "b"))


def precisions():
    """A layer of its own precision beside others."""
    model = keras.Sequential(
        [
            keras.Input((16,)),
            layers.Dense(24, dtype="mixed_bfloat16", name="mixed"),
            layers.Dense(24, dtype="bfloat16", name="half"),
            layers.Dense(16, dtype="float32", name="whole"),
        ]
    )
    return Kind(
        model,
        floats(16),
        floats(16, seed=1),
        named("mixed", "half", "whole"),
    )
