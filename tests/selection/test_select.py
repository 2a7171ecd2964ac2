import keras
import numpy as np
import pytest
from keras import layers

from keras_slr.selection import Reason
from keras_slr.selection import select

pytestmark = pytest.mark.once("looks at names and shapes")


def names(weights):
    return [f"{w.layer.name}/{w.variable.name}" for w in weights]


def reasons(selection):
    return {
        f"{w.layer.name}/{w.variable.name}": reason
        for w, reason in selection.left
    }


@pytest.fixture
def convnet():
    return keras.Sequential(
        [
            keras.Input((16, 16, 3)),
            layers.Rescaling(1 / 255),
            layers.Conv2D(16, 3, name="stem"),
            layers.BatchNormalization(name="bn"),
            layers.DepthwiseConv2D(3, name="depthwise"),
            layers.Conv2D(32, 1, name="pointwise"),
            layers.SeparableConv2D(32, 3, name="separable"),
            layers.Conv2DTranspose(16, 3, name="transpose"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(64, name="head"),
            layers.Dense(2, name="tiny"),
        ]
    )


def test_defaults(convnet):
    selection = select(convnet)
    assert names(selection.chosen) == [
        "pointwise/kernel",
        "separable/pointwise_kernel",
        "transpose/kernel",
        "head/kernel",
    ]
    left = reasons(selection)
    assert left["stem/kernel"] is Reason.FIRST_CONVOLUTION
    assert left["depthwise/kernel"] is Reason.DEPTHWISE
    assert left["separable/depthwise_kernel"] is Reason.DEPTHWISE
    assert left["tiny/kernel"] is Reason.SMALL
    assert left["bn/gamma"] is left["head/bias"] is Reason.VECTOR
    assert left["bn/moving_mean"] is Reason.VECTOR


def test_every_weight_is_either_chosen_or_left(convnet):
    selection = select(convnet)
    seen = [id(w.variable) for w in selection.chosen]
    seen += [id(w.variable) for w, _ in selection.left]
    assert sorted(seen) == sorted(id(v) for v in convnet.weights)


@pytest.mark.parametrize(
    "include,expected",
    [
        ("stem", ["stem/kernel"]),
        (["tiny", "depthwise"], ["depthwise/kernel", "tiny/kernel"]),
        ("re:.*wise", ["depthwise/kernel", "pointwise/kernel"]),
        ("class:Dense", ["head/kernel", "tiny/kernel"]),
        (layers.Dense, ["head/kernel", "tiny/kernel"]),
        (lambda w: len(w.variable.shape) == 2, ["head/kernel", "tiny/kernel"]),
        (
            ["default", "stem"],
            [
                "stem/kernel",
                "pointwise/kernel",
                "separable/pointwise_kernel",
                "transpose/kernel",
                "head/kernel",
            ],
        ),
    ],
    ids=lambda v: str(v)[:20],
)
def test_include(convnet, include, expected):
    assert names(select(convnet, include).chosen) == expected


@pytest.mark.parametrize(
    "selector,error", [("re:[", ValueError), (3, TypeError)]
)
def test_invalid_selectors_are_refused(convnet, selector, error):
    with pytest.raises(error, match="Expected a"):
        select(convnet, include=[selector])


def test_exclude_beats_include(convnet):
    selection = select(convnet, layers.Dense, "tiny")
    assert names(selection.chosen) == ["head/kernel"]
    assert reasons(selection)["tiny/kernel"] is Reason.EXCLUDED


@pytest.mark.parametrize("selector", ["haed", "re:nothing.*", "class:Danse"])
def test_unknown_names_are_errors(convnet, selector):
    with pytest.raises(ValueError, match="matches none"):
        select(convnet, exclude=selector)


@pytest.mark.parametrize("selector", [layers.Embedding, "class:Embedding"])
def test_a_class_may_be_absent_beside_other_selectors(convnet, selector):
    default = names(select(convnet).chosen)
    assert names(select(convnet, ["default", selector]).chosen) == default
    assert names(select(convnet, exclude=selector).chosen) == default
    with pytest.raises(ValueError, match="matches none"):
        select(convnet, [selector])


def test_the_error_for_an_unknown_name_suggests_similar_names(convnet):
    with pytest.raises(ValueError, match="did you mean .*'head'"):
        select(convnet, include="haed")


@pytest.mark.parametrize(
    "name,reason", [("bn", "vector"), ("head/bias", "vector")]
)
def test_naming_a_weight_that_cannot_be_pruned_is_an_error(
    convnet, name, reason
):
    path = name
    if "/" in name:
        path = convnet.get_layer(name.split("/")[0]).bias.path
    with pytest.raises(ValueError, match=reason):
        select(convnet, include=path)


def test_frozen_layers_are_left_alone(convnet):
    convnet.get_layer("head").trainable = False
    left = reasons(select(convnet))
    assert left["head/kernel"] is Reason.FROZEN


def test_nothing_to_prune_is_an_error():
    model = keras.Sequential([keras.Input((2,)), layers.Dense(2)])
    with pytest.raises(ValueError, match="weights to prune"):
        select(model)


def test_attention_embedding_and_recurrent_layers():
    tokens = keras.Input((12,), dtype="int32")
    x = layers.Embedding(50, 32, name="embedding")(tokens)
    x = layers.MultiHeadAttention(2, 16, name="attention")(x, x)
    x = layers.Bidirectional(layers.LSTM(16, name="lstm"))(x)
    x = layers.RepeatVector(3)(x)
    x = layers.TimeDistributed(layers.Dense(16, name="dense"))(x)
    x = layers.EinsumDense("abc,cd->abd", (3, 32), name="einsum")(x)
    model = keras.Model(tokens, x)
    assert names(select(model).chosen) == [
        "query/kernel",
        "key/kernel",
        "value/kernel",
        "attention_output/kernel",
        "dense/kernel",
        "einsum/kernel",
    ]
    kinds = set(reasons(select(model)).values())
    assert {Reason.EMBEDDING, Reason.RECURRENT} <= kinds
    chosen = select(model, ["class:LSTMCell", layers.Embedding]).chosen
    assert len(chosen) == 5
    # A Bidirectional layer holds two cells of two kernels each.
    assert sum("kernel" in w.variable.name for w in chosen) == 4


def test_selectors_match_layers_by_the_layers_around_them():
    tokens = keras.Input((12, 8))
    x = layers.LSTM(16, return_sequences=True, name="rnn")(tokens)
    x = layers.MultiHeadAttention(2, 16, name="attention")(x, x)
    inner_in = keras.Input((12, 16))
    inner = keras.Model(
        inner_in, layers.Dense(16, name="inside")(inner_in), name="backbone"
    )
    model = keras.Model(tokens, inner(x))
    for selector in ("rnn", layers.LSTM, "class:LSTM", "re:rn.*"):
        assert names(select(model, selector).chosen) == [
            "lstm_cell/kernel",
            "lstm_cell/recurrent_kernel",
        ]
    for selector in ("attention", layers.MultiHeadAttention):
        assert len(select(model, selector).chosen) == 4
    assert names(select(model, "backbone").chosen) == ["inside/kernel"]
    chosen = select(model, exclude=["backbone", "attention"], include="re:.*")
    assert len(chosen.chosen) == 2


def test_shared_and_nested_layers_count_once():
    shared = layers.Dense(20, name="shared")
    inner_in = keras.Input((20,))
    inner = keras.Model(inner_in, layers.Dense(20, name="inside")(inner_in))
    x = keras.Input((20,))
    model = keras.Model(x, inner(shared(inner(shared(x)))))
    assert sorted(names(select(model).chosen)) == [
        "inside/kernel",
        "shared/kernel",
    ]


def test_first_convolution_of_each_input_and_of_a_backbone():
    image = keras.Input((8, 8, 3))
    backbone = keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            layers.Conv2D(16, 3, padding="same", name="b_stem"),
            layers.Conv2D(16, 3, padding="same", name="b_next"),
        ]
    )
    other = keras.Input((8, 8, 16))
    x = layers.Add()(
        [backbone(image), layers.Conv2D(16, 1, name="o_stem")(other)]
    )
    x = layers.Conv2D(16, 3, name="last")(x)
    left = reasons(select(keras.Model([image, other], x)))
    stems = {n for n, r in left.items() if r is Reason.FIRST_CONVOLUTION}
    assert stems == {"b_stem/kernel", "o_stem/kernel"}


@pytest.mark.parametrize("convolution_first", [True, False])
def test_first_convolution_of_a_subclassed_model(convolution_first):
    class Net(keras.Model):
        def __init__(self):
            super().__init__()
            self.before = (
                layers.Activation("relu")
                if convolution_first
                else layers.EinsumDense("abcd,de->abce", (8, 8, 3))
            )
            self.conv = layers.Conv2D(16, 3, name="conv")
            self.more = [layers.Conv2D(16, 3, name="more")]

        def call(self, x):
            return self.more[0](self.conv(self.before(x)))

    model = Net()
    model(keras.ops.zeros((1, 8, 8, 3)))
    left = reasons(select(model))
    assert ("conv/kernel" in left) is convolution_first


def test_weights_of_custom_layers():
    class Positions(layers.Layer):
        def build(self, shape):
            self.positions = self.add_weight(shape=shape[1:], name="positions")
            self.mix = self.add_weight(
                shape=(shape[-1], shape[-1]), name="kernel"
            )

        def call(self, x):
            return keras.ops.matmul(x + self.positions, self.mix)

    model = keras.Sequential([keras.Input((30, 20)), Positions(name="own")])
    selection = select(model)
    assert names(selection.chosen) == ["own/kernel"]
    assert reasons(selection)["own/positions"] is Reason.UNKNOWN
    both = select(model, "own").chosen
    assert names(both) == ["own/positions", "own/kernel"]


def scale_free(model):
    return [
        weight.layer.name
        for weight in select(model, include="re:.*").chosen
        if weight.scale_free
    ]


def test_kernels_in_front_of_a_batch_norm_are_scale_free():
    inner = keras.Sequential(name="inner")
    inner.add(keras.layers.Conv2D(4, 1, name="sequential"))
    inner.add(keras.layers.BatchNormalization())
    shared = keras.layers.Conv2D(4, 1, name="shared")
    x = inputs = keras.Input((8, 8, 4))
    x = keras.layers.Conv2D(4, 3, name="normalised")(x)
    x = keras.layers.BatchNormalization()(x)
    x = keras.layers.Conv2D(4, 1, activation="relu", name="activated")(x)
    x = keras.layers.BatchNormalization()(x)
    x = keras.layers.BatchNormalization()(shared(x))
    x = keras.layers.BatchNormalization()(shared(x))
    both = keras.layers.Conv2D(4, 1, name="read_twice")(x)
    x = keras.layers.Add()([keras.layers.BatchNormalization()(both), both])
    x = keras.layers.SeparableConv2D(4, 3, name="separable")(inner(x))
    x = keras.layers.BatchNormalization()(x)
    x = keras.layers.PReLU(name="not_a_product")(x)
    x = keras.layers.BatchNormalization()(x)
    x = keras.layers.LayerNormalization()(keras.layers.Dense(4)(x))
    outputs = keras.layers.Dense(4, name="last")(x)
    model = keras.Model(inputs, outputs)
    expected = ["normalised", "sequential", "separable", "separable"]
    assert scale_free(model) == expected


def test_kernels_in_an_unknown_graph_are_not_scale_free():
    class Net(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = keras.layers.Dense(4)
            self.norm = keras.layers.BatchNormalization()
            self.part = keras.Sequential(
                [
                    keras.Input((4,)),
                    keras.layers.Dense(4, name="in_part"),
                    keras.layers.BatchNormalization(),
                ]
            )

        def call(self, x):
            return self.part(self.norm(self.dense(x)))

    model = Net()
    model(np.zeros((1, 4), "float32"))
    assert scale_free(model) == ["in_part"]
