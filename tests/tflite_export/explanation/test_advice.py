"""No advice asks for what is done already, or for what cannot be done.

Every kind of kernel in every state, on every target: what is advised is
carried out by the library itself, and has to do what it promises.
"""

import keras
import numpy as np
import pytest
from keras import layers

import keras_slr
from tflite_export.conditions import CONDITIONS
from tflite_export.conditions.facts_of_kernels import ANY
from tflite_export.conditions.facts_of_kernels import kernels_of
from tflite_export.explanation.converted_graph import ConvertedGraph
from tflite_export.explanation.verdict import verdict_on
from tflite_export.xnnpack.sparse_start import SparseInference

pytestmark = pytest.mark.once("the graph and its zeros are the same")

SPARSE = SparseInference(True, True, ())
DENSE = SparseInference(False, True, ("too few zeros",))
# What XNNPACK does with the graph as it is, and were its zeros enough.
GRAPHS = {
    "engages": ConvertedGraph(SPARSE, SPARSE),
    "would engage": ConvertedGraph(DENSE, SPARSE),
    "never engages": ConvertedGraph(DENSE, DENSE),
    "friendly engages": ConvertedGraph(
        DENSE, DENSE, friendly=ConvertedGraph(SPARSE, SPARSE)
    ),
    "does not convert": ConvertedGraph(failure="an operation is unknown."),
}
STATES = ("no zeros", "single zeros", "zero blocks", "dead filters")
LAYERS = ("window", "point", "depth", "hidden", "sum", "memory", "odd", "out")


def net(held=False):
    """A layer of each kind; `held` makes all of them outputs of the model."""
    x = image = keras.Input((8, 8, 4))
    ends = [x := layers.Conv2D(16, 3, activation="relu", name="window")(x)]
    ends += [x := layers.Conv2D(16, 1, activation="relu", name="point")(x)]
    ends += [x := layers.DepthwiseConv2D(3, name="depth")(x)]
    x = layers.GlobalAveragePooling2D()(x)
    ends += [x := layers.Dense(18, activation="relu", name="hidden")(x)]
    ends += [
        x := layers.EinsumDense(
            "ab,bc->ac", 16, activation="relu", bias_axes="c", name="sum"
        )(x)
    ]
    steps = layers.Reshape((4, 4))(x)
    ends += [x := layers.LSTM(16, name="memory")(steps)]
    ends += [x := layers.Dense(18, activation="relu", name="odd")(x)]
    ends += [layers.Dense(8, name="out")(x)]
    return keras.Model(image, ends if held else ends[-1])


def put_zeros(model, state):
    """Gives all kernels zeros of one kind."""
    rng = np.random.default_rng(0)
    for layer in model.layers:
        for variable in layer.weights:
            w = rng.uniform(0.5, 1.0, variable.shape).astype("float32")
            if variable.path.endswith("bias"):
                w[:] = 0
            elif state == "single zeros":
                w.reshape(-1)[::2] = 0
            elif state == "zero blocks" and len(w.shape) == 2:
                w[: 4 * round(len(w) * 0.75 / 4), 1:] = 0
            elif state == "dead filters" and layer.name == "depth":
                w[..., :5, :] = 0
            elif state == "dead filters":
                w[..., :5] = 0
            variable.assign(w)
    return model


def size(model, layer):
    weights = model.get_layer(layer).weights
    return sum(int(np.prod(w.shape)) for w in weights)


def advice_of(model):
    """Returns the answers and the advice on each layer."""
    found = {}
    for kernel in kernels_of(model):
        for graph in GRAPHS.values():
            for target in CONDITIONS:
                verdict = verdict_on(target, kernel, graph)
                found.setdefault(kernel.layer.split("/")[0], []).append(verdict)
    return found


def clone(model):
    copy = keras.models.clone_model(model)
    copy.set_weights(model.get_weights())
    copy.trainable = model.trainable
    return copy


def shrunk_after(model, include):
    """Prunes half the filters of a layer and cuts them out."""
    copy = clone(model)
    try:
        keras_slr.hard_prune(
            copy, 0.5, structure=keras_slr.Filter(), include=[include]
        )
    except ValueError:  # Nothing can be pruned.
        return model
    return keras_slr.shrink(copy)


def test_every_kind_of_kernel_is_there():
    kinds = {kernel.kind for kernel in kernels_of(net())}
    assert kinds == set(ANY)


@pytest.mark.parametrize("frozen", [False, True])
@pytest.mark.parametrize("held", [False, True])
@pytest.mark.parametrize("state", STATES)
def test_advice_can_be_followed_and_is_not_done_yet(state, held, frozen):
    model = put_zeros(net(held), state)
    model.trainable = not frozen
    cut = keras_slr.shrink(model)
    found = advice_of(model)
    assert list(found) == list(LAYERS)
    for name, verdicts in found.items():
        gets_smaller = size(cut, name) < size(model, name)
        open_ones = [v for v in verdicts if v.answer != "yes"]
        # The contradiction of old: "shrink" on one target, "prune filters,
        # then shrink" on another.
        asks = {"which cuts them out" in v.advice for v in open_ones}
        assert asks == {gets_smaller}, (name, open_ones)
        advice = " | ".join(v.advice for v in open_ones)
        if "Filter(" in advice:
            front = "point" if name == "depth" else name
            assert size(shrunk_after(model, front), name) < size(model, name)
        elif not gets_smaller:
            assert "no filter can go: " in advice, name
        if frozen:
            for words in ("Filter(", "Block(", "Unstructured("):
                assert words not in advice, name
        if "Block(" in advice:
            copy = clone(model)
            keras_slr.hard_prune(
                copy, {name: 0.75}, structure=keras_slr.Block((4, 1))
            )
            kernel = next(k for k in kernels_of(copy) if k.layer == name)
            after = verdict_on("x86", kernel, GRAPHS["never engages"])
            assert after.answer == "yes"


def verdict(model, target, graph, layer="point"):
    kernel = next(k for k in kernels_of(model) if k.layer == layer)
    return verdict_on(target, kernel, GRAPHS[graph])


def sparse(share):
    model = put_zeros(net(), "no zeros")
    kernel = model.get_layer("point").kernel
    # In every row and column alike: no filter, and no input, is all zero.
    places = np.add.outer(np.arange(16), np.arange(16)) % 16
    w = (places >= round(16 * share)).astype("float32")
    kernel.assign(w.reshape(kernel.shape))
    return model


@pytest.mark.parametrize(
    "share, graph, answer, words",
    [
        (0.5, "engages", "if", "Unstructured() at 0.7 or more, or int8"),
        (0.7, "engages", "yes", ""),
        (0.5, "would engage", "if", "Unstructured() at 0.7 or more, or int8"),
        # Its own zeros are enough: those of the others are not.
        (0.7, "would engage", "if", "more in the other 1x1 convolutions"),
        (0.7, "never engages", "no", "Filter(round_to='auto') and"),
        (0.7, "friendly engages", "no", "tflite_export.friendly(model), tra"),
        (0.7, "does not convert", "no", "Filter(round_to='auto') and"),
    ],
)
def test_pointwise_convolutions_on_arm(share, graph, answer, words):
    found = verdict(sparse(share), "arm", graph)
    assert (found.answer, words in found.advice) == (answer, True), found
    assert ("friendly" in found.advice) is (graph == "friendly engages")
    if graph == "does not convert":
        assert found.why == "the graph could not be examined, see below"


def test_what_holds_filters_back_is_named():
    model = put_zeros(net(held=True), "dead filters")
    held = "no filter can go: is the model's output"
    assert held in verdict(model, "gpu", "engages").advice
    model = put_zeros(net(), "no zeros")
    lstm = verdict(model, "gpu", "engages", "memory/lstm_cell").advice
    assert lstm.startswith("nothing (no filter can go: ")
    model.get_layer("window").trainable = False
    frozen = verdict(model, "int8", "engages", "window").advice
    assert frozen == "nothing (no filter can go: frozen (not trainable))"

    class Own(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = layers.Dense(16, name="dense")

        def call(self, x):
            return self.dense(x)

    own = Own()
    own(np.zeros((1, 8), "float32"))
    unknown = verdict(own, "gpu", "engages", "dense").advice
    assert "the graph of the model is not known" in unknown
