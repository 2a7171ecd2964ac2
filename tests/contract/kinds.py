"""Every kind of model that a user may bring, each as small as can be.

A kind is a function that returns a `Kind`. It says which kernels are pruned;
all other weights of its model are to be left alone, each with a reason.
"""

import dataclasses
from collections.abc import Callable

import keras
import numpy as np
from keras import layers

from tests.contract.own_steps import OwnStep

ROWS = 16
register = keras.saving.register_keras_serializable(package="contract")


@dataclasses.dataclass
class Kind:
    """A model, the data it takes, and what is to be pruned of it.

    Attributes:
        model: Keras model, not compiled.
        x: What `fit` takes as inputs.
        y: What `fit` takes as targets.
        kernels: Function of the model, once it is built, that returns the
            list of the variables that are pruned.
        plan: Dict, what selects them, see `keras_slr.Plan`.
        compile: Dict of arguments of `compile`.
        frozen: Function of the model that returns the variables that may
            not change.
        after: Function of the model, called once the callback is made.
        result: Function of the model that returns what is kept of it.
        saved_as: Suffix of the file that Keras can save it to and load it
            from, or `None` where it can do neither.
    """

    model: keras.Model
    x: object
    y: object
    kernels: Callable
    plan: dict = dataclasses.field(default_factory=dict)
    compile: dict = dataclasses.field(default_factory=dict)
    frozen: Callable = lambda model: []
    after: Callable = lambda model: None
    result: Callable = lambda model: model
    saved_as: str | None = ".keras"


# Keras's files do not know that a layer inside two models is the same one.
WEIGHTS = ".weights.h5"


def _floats(*shape, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(ROWS, *shape)).astype("float32")


def _tokens(length, words=20):
    return np.random.default_rng(0).integers(0, words, (ROWS, length))


def _named(*names):
    """Returns a function from a model to the kernels of some layers."""
    return lambda model: [model.get_layer(name).kernel for name in names]


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
    return Kind(model, _floats(16), _floats(4, seed=1), _named("a", "b"))


def unbuilt():
    model = keras.Sequential([layers.Dense(24), layers.Dense(4)])
    return Kind(
        model, _floats(16), _floats(4), lambda model: [model.layers[0].kernel]
    )


def shared_and_nested():
    inner_in = keras.Input((20,))
    shared = layers.Dense(20, name="shared")
    inside = layers.Dense(20, activation="relu", name="inside")
    inner = keras.Model(inner_in, inside(shared(inner_in)), name="inner")
    x = keras.Input((20,))
    model = keras.Model(x, layers.Dense(4)(inner(shared(inner(x)))))
    return Kind(
        model,
        _floats(20),
        _floats(4, seed=1),
        lambda model: [
            model.get_layer("inner").get_layer(name).kernel
            for name in ("shared", "inside")
        ],
        saved_as=WEIGHTS,
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
        _floats(16),
        _floats(16, seed=1),
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
        _floats(16),
        _floats(4, seed=1),
        lambda model: [
            layer.kernel
            for layer in (
                *model.listed,
                model.paired[0],
                *model.by_name["deep"],
            )
        ],
    )


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
        {"a": _floats(16), "b": _floats(6, 6, 3)},
        {"number": _floats(2), "class": _tokens(1, words=12)},
        _named("dense", "conv", "joint", "class"),
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
    return Kind(model, _floats(16), _floats(4, seed=1), _named("a"))


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
        _floats(5, 8),
        _floats(32, seed=1),
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
    return dataclasses.replace(kind, kernels=_named("out"), plan={})


def bidirectional():
    x = keras.Input((5, 8))
    y = layers.Bidirectional(
        layers.RNN([layers.LSTMCell(8), layers.SimpleRNNCell(16)]), name="both"
    )(x)
    model = keras.Model(x, layers.Dense(8)(y))
    return Kind(
        model,
        _floats(5, 8),
        _floats(8, seed=1),
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
        _floats(3, 5, 5, 2),
        _floats(4, seed=1),
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
        heads, grouped = model.get_layer("heads"), model.get_layer("grouped")
        return [
            layer.kernel
            for layer in (
                heads.query_dense,
                heads.key_dense,
                heads.value_dense,
                heads.output_dense,
                grouped._query_dense,
                grouped._output_dense,
                model.get_layer("einsum"),
            )
        ]

    return Kind(model, _floats(5, 16), _floats(5, 4, seed=1), kernels)


def embedding():
    x = keras.Input((5,), dtype="int32")
    y = layers.Embedding(20, 16, name="table")(x)
    model = keras.Model(x, layers.Dense(20, name="out")(y))
    return Kind(
        model,
        _tokens(5),
        _floats(5, 20),
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
        _tokens(5),
        _floats(5, 20),
        lambda model: [
            model.get_layer("table").embeddings,
            *_named("up", "down")(model),
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
        _tokens(5),
        _floats(5, 20),
        lambda model: [
            model.get_layer("table").embeddings,
            model.get_layer("mix").kernel,
        ],
        plan={"include": ["default", "re:table"]},
        saved_as=WEIGHTS,
    )


def lora():
    kind = sequential()
    kind.model.get_layer("a").enable_lora(2)
    return dataclasses.replace(
        kind,
        kernels=_named("b"),
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
        _floats(16),
        _floats(4, seed=1),
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
    return dataclasses.replace(kind, kernels=_named("b"), frozen=_named("a"))


def frozen_after():
    """Frozen when the callback is there and the model is compiled."""

    def freeze(model):
        model.get_layer("b").trainable = False

    return dataclasses.replace(
        sequential(),
        kernels=_named("a"),
        frozen=_named("b"),
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
        _floats(16),
        _floats(16, seed=1),
        _named("head"),
        frozen=lambda model: model.get_layer("backbone").weights,
    )


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
    return Kind(model, _floats(16), _floats(16, seed=1), _named("a", "b"))


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
        [_floats(16), _floats(16, seed=2)],
        _floats(16, seed=1),
        lambda model: [
            model.get_layer("one").get_layer("shared").kernel,
            model.get_layer("one").get_layer("own_one").kernel,
            model.get_layer("two").get_layer("own_two").kernel,
        ],
        saved_as=WEIGHTS,
    )


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
        _floats(16),
        np.random.default_rng(0).integers(0, 4, ROWS),
        lambda model: [model.student.get_layer("hidden").kernel],
        compile={
            "loss": keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        },
        frozen=lambda model: model.teacher.weights,
        result=lambda model: model.student,
    )


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
        _floats(6, 6, 3),
        _floats(16, seed=1),
        lambda model: [
            model.get_layer("separable").pointwise_kernel,
            model.get_layer("depthwise").kernel,
            model.get_layer("wrapper").layer.kernel,
            model.get_layer("transpose").kernel,
        ],
        plan={"include": ["default", "re:depthwise"]},
    )


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
        _floats(16),
        _floats(16, seed=1),
        _named("mixed", "half", "whole"),
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
        _floats(16),
        _floats(16, seed=1),
        lambda model: [model.get_layer("own").kernel],
    )


KINDS = {
    make.__name__: make
    for make in (
        sequential,
        unbuilt,
        shared_and_nested,
        lazy,
        collections,
        inputs_and_outputs,
        own_train_step,
        recurrent,
        recurrent_by_default,
        bidirectional,
        time_distributed,
        attention,
        embedding,
        reversible_embedding,
        tied,
        lora,
        lora_kernels,
        frozen,
        frozen_after,
        frozen_backbone,
        sparse_already,
        zeros,
        submodels,
        distiller,
        wrapped,
        precisions,
        own_layer,
    )
}
