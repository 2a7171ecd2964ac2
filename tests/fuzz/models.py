"""Random small models of every family of layers.

`choose` is as in `graphs`.
"""

import math

import keras
import numpy as np
from keras import layers

from tests.fuzz.graphs import image_graph
from tests.fuzz.images import BOOLEANS
from tests.fuzz.two_optimizers import TwoOptimizers

ROWS = 16
WORDS = 12


def kernel_arguments(choose, regularized):
    """Returns what the user hangs on kernels: regularizer and constraint."""
    penalties = [keras.regularizers.L2(1e-3)] if regularized else []
    regularizer = choose([None, None, *penalties])
    constraint = choose(
        [None, None, keras.constraints.MaxNorm(1.0), keras.constraints.NonNeg()]
    )
    return {
        "kernel_regularizer": regularizer,
        "kernel_constraint": constraint,
    }


def _array(choose, *shape):
    """Returns an initializer that makes one array, or the usual one."""
    values = np.linspace(-0.5, 0.5, math.prod(shape)).reshape(shape)
    return choose(["glorot_uniform", keras.initializers.Constant(values)])


def _image(choose, kernel):
    return image_graph(choose, **kernel)


def _vector(choose, kernel):
    """Dense layers with norms, shortcuts and a layer that is used twice."""
    width = choose([8, 12])
    x = y = keras.Input((width,))
    if choose(BOOLEANS):
        scale = layers.Normalization()
        scale.adapt(np.random.default_rng(0).normal(1.0, 2.0, (ROWS, width)))
        y = scale(x)
    initializer = _array(choose, width, 16)
    y = layers.Dense(16, kernel_initializer=initializer, **kernel)(y)
    shared = layers.Dense(16, activation="relu", **kernel)
    for _ in range(choose(range(1, 4))):
        step = choose(["dense", "shared", "norm", "prelu", "dropout", "twin"])
        z = y
        if step == "dense":
            y = layers.Dense(16, activation=choose(["relu", "gelu"]), **kernel)(
                y
            )
        elif step == "shared":
            y = shared(y)
        elif step == "norm":
            norm = choose(
                [layers.BatchNormalization, layers.LayerNormalization]
            )
            y = norm()(y)
        elif step == "prelu":
            y = layers.PReLU()(y)
        elif step == "dropout":
            y = layers.Dropout(0.3)(y)
        else:
            y = layers.Concatenate()([y, layers.Dense(8, **kernel)(y)])
            y = layers.Dense(16, **kernel)(y)
        if choose(BOOLEANS):
            y = layers.Add()([y, z])
    return x, y


def _sequence(choose, kernel):
    """Words or numbers through convolutions, recurrence and attention."""
    # Orthogonal matrices, the default, cannot be made in half precision.
    recurrent = {
        "recurrent_initializer": "glorot_uniform",
        "return_sequences": True,
    }
    if choose(BOOLEANS):
        x = keras.Input((6,), dtype="int32")
        y = layers.Embedding(WORDS, 8, _array(choose, WORDS, 8))(x)
    else:
        x = keras.Input((6, 5))
        y = layers.Dense(8, **kernel)(x)
    for _ in range(choose(range(1, 3))):
        step = choose(["conv", "lstm", "gru", "both", "heads", "einsum", "td"])
        if step == "conv":
            y = layers.Conv1D(8, 3, padding=choose(["same", "causal"]))(y)
        elif step == "lstm":
            y = layers.LSTM(8, **recurrent)(y)
        elif step == "gru":
            y = layers.GRU(8, **recurrent)(y)
        elif step == "both":
            y = layers.Bidirectional(layers.SimpleRNN(4, **recurrent))(y)
        elif step == "heads":
            z = layers.MultiHeadAttention(
                choose([2, 4]), 4, use_bias=choose(BOOLEANS)
            )(y, y)
            y = layers.LayerNormalization()(layers.Add()([y, z]))
        elif step == "einsum":
            y = layers.EinsumDense(
                "abc,cd->abd", (6, 8), bias_axes="d", **kernel
            )(y)
        else:
            y = layers.TimeDistributed(layers.Dense(8, **kernel))(y)
    return x, choose([layers.Flatten, layers.GlobalAveragePooling1D])()(y)


def _lookup(choose, kernel):
    """Numbers that are looked up in a vocabulary of the data."""
    x = keras.Input((6,), dtype="int32")
    mode = choose(["int", "multi_hot", "count", "tf_idf"])
    lookup = layers.IntegerLookup(output_mode=mode)
    lookup.adapt(np.arange(0, WORDS, 2)[:, None])
    y = lookup(x)
    if mode == "int":
        y = layers.Embedding(WORDS, 8)(y)
        y = layers.Flatten()(y)
    return x, layers.Dense(16, activation="relu", **kernel)(y)


FAMILIES = {"image": _image, "vector": _vector, "sequence": _sequence}
# JAX compiles no lookup, and PyTorch's come from TensorFlow as well.
if keras.config.backend() == "tensorflow":
    FAMILIES["lookup"] = _lookup


@keras.saving.register_keras_serializable(package="fuzz")
class Wrapped(keras.Model):
    """A model without a graph of its own, around one that has one."""

    def __init__(self, inner, **kwargs):
        super().__init__(**kwargs)
        self.parts = {"inner": [inner]}

    def call(self, x, training=None):
        return self.parts["inner"][0](x, training=training)

    def get_config(self):
        inner = keras.saving.serialize_keras_object(self.parts["inner"][0])
        return super().get_config() | {"inner": inner}

    @classmethod
    def from_config(cls, config):
        inner = keras.saving.deserialize_keras_object(config.pop("inner"))
        return cls(inner, **config)


def random_model(choose, regularized):
    """Returns a random model, data for it, and what kind of model it is.

    Args:
        choose: See the head of this file.
        regularized: Boolean, whether kernels may have a regularizer.

    Returns:
        Triple of a Keras model, a dict with the inputs `x` and targets `y`
        of `fit`, and a string.
    """
    shapes = ["plain", "plain", "nested", "two", "subclassed"]
    shape = choose([*shapes, "subclassed, two optimizers"])
    # On JAX a step by hand has no part in the losses of regularizers.
    own = shape.endswith("optimizers")
    kernel = kernel_arguments(choose, regularized and not own)
    names = [choose(list(FAMILIES))]
    if shape == "two":
        names.append(choose(list(FAMILIES)))
    ends = [FAMILIES[name](choose, kernel) for name in names]
    inputs = [x for x, _ in ends]
    if shape == "nested":
        inner = keras.Model(*ends[0])
        inputs = [keras.Input(inputs[0].shape[1:], dtype=inputs[0].dtype)]
        vectors = [inner(inputs[0])]
    else:
        vectors = [y for _, y in ends]
    y = vectors[0] if len(vectors) == 1 else layers.Concatenate()(vectors)
    outputs = [layers.Dense(4)(y)]
    if shape == "two":
        outputs.append(layers.Dense(3, activation="softmax")(y))
    model = keras.Model(_alone(inputs), _alone(outputs))
    data = {
        "x": _alone([_rows(x) for x in inputs]),
        "y": _alone([_rows(out) for out in outputs]),
    }
    if shape.startswith("subclassed"):
        model = TwoOptimizers(model) if own else Wrapped(model)
        model(keras.tree.map_structure(lambda x: x[:1], data["x"]))
    return model, data, " ".join([shape, *names])


def _alone(items):
    return items[0] if len(items) == 1 else items


def _rows(tensor):
    rng = np.random.default_rng(len(tensor.shape))
    shape = (ROWS, *tensor.shape[1:])
    if "int" in tensor.dtype:
        return rng.integers(0, WORDS, shape).astype("int32")
    return rng.normal(size=shape).astype("float32")
