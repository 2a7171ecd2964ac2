"""Architectures for sparse inference, before training."""

import keras
import numpy as np
import pytest
from keras import layers

from keras_slr.keras_internals.graphs import producer_of
from tflite_export import friendly
from tflite_export import obstacles

SIZE = 96


@pytest.fixture(scope="module", params=["MobileNet", "MobileNetV2"])
def stock(request):
    make = getattr(keras.applications, request.param)
    alpha = {"MobileNet": 0.25, "MobileNetV2": 0.35}[request.param]
    return make((SIZE, SIZE, 3), alpha, weights=None, classes=10)


def strided(model):
    return [
        layer
        for layer in model.layers
        if getattr(layer, "strides", None) == (2, 2)
    ]


@pytest.mark.once("large graphs; small ones run on every backend below")
def test_applications(stock):
    made = friendly(stock)
    assert len(strided(made)) == len(strided(stock)) == 5
    paddings = [layer.padding for layer in strided(made)]
    assert paddings == ["valid"] * 5
    for layer in strided(made):
        before = producer_of(layer.input).operation
        assert before.padding == ((1, 1), (1, 1))
        # The sizes are those of before.
        assert layer.output.shape == stock.get_layer(layer.name).output.shape
    assert made.output_shape == stock.output_shape
    for ours, theirs in zip(made.weights, stock.weights, strict=True):
        assert ours.path == theirs.path
        a, b = (keras.ops.convert_to_numpy(w) for w in (ours, theirs))
        if theirs.path == "conv_preds/kernel":
            b = b[0, 0]
        assert a.shape == b.shape
        np.testing.assert_array_equal(a, b)


def small(stem="same", pad=None):
    """A model of every kind of place that is rewritten."""
    image = keras.Input((32, 32, 3), batch_size=1, name="image")
    x = layers.Conv2D(8, 3, 2, padding=stem, name="stem")(image)
    x = layers.Conv2D(16, 1, activation="relu", name="wide")(x)
    squeezed = layers.GlobalAveragePooling2D(keepdims=True)(x)
    squeezed = layers.Conv2D(16, 1, activation="sigmoid", name="gate")(squeezed)
    x = layers.Multiply()([x, squeezed])
    if pad is None:
        x = layers.DepthwiseConv2D(5, 2, padding="same", name="deep")(x)
    else:
        x = layers.ZeroPadding2D(pad, name="pad")(x)
        x = layers.DepthwiseConv2D(5, 2, name="deep")(x)
    x = layers.Conv2D(24, 1, name="narrow")(x)
    x = layers.GlobalAveragePooling2D(keepdims=True, name="pooled")(x)
    x = layers.Conv2D(10, 1, activation="tanh", name="head")(x)
    return keras.Model(image, layers.Flatten()(x), name="small")


@pytest.mark.parametrize("pad", [None, ((1, 2), (1, 2))])
def test_what_is_rewritten(pad):
    model = small(pad=pad)
    made = friendly(model)
    assert made.name == "small"
    assert [x.name for x in made.inputs] == ["image"]
    paddings = {
        layer.padding
        for layer in made.layers
        if isinstance(layer, layers.ZeroPadding2D)
    }
    assert paddings == {((1, 1), (1, 1)), ((2, 2), (2, 2))}
    kinds = {layer.name: type(layer) for layer in made.layers}
    # Images come after the gate, none after the head.
    assert kinds["gate"] is layers.Conv2D
    assert kinds["head"] is layers.Dense
    assert made.get_layer("head").activation is keras.activations.tanh
    assert not made.get_layer("pooled").keepdims


def test_grid_moves_by_one_pixel():
    model = small()
    made = friendly(model)
    x = np.random.default_rng(0).normal(size=(1, 32, 32, 3)).astype("float32")
    steps = [
        keras.ops.convert_to_numpy(
            keras.Model(m.input, m.get_layer("stem").output)(x)
        )
        for m in (model, made)
    ]
    # 'same' pads 0 before and 1 after, so a shift of the image by one pixel
    # makes the two agree, up to the border.
    shifted = np.roll(x, -1, axis=(1, 2))
    stem = keras.Model(made.input, made.get_layer("stem").output)
    again = keras.ops.convert_to_numpy(stem(shifted))
    inside = (slice(None), slice(1, -1), slice(1, -1))
    np.testing.assert_allclose(again[inside], steps[0][inside], atol=1e-5)
    assert np.abs(steps[1] - steps[0])[inside].max() > 0.1


def test_head_alone_keeps_the_function():
    image = keras.Input((8, 8, 4), name="image")
    x = layers.GlobalAveragePooling2D(keepdims=True)(image)
    x = layers.Dropout(0.5)(x)
    x = layers.Conv2D(5, 1, name="first", activation="relu")(x)
    model = keras.Model(image, layers.Conv2D(3, 1, name="second")(x))
    made = friendly(model)
    assert isinstance(made.get_layer("second"), layers.Dense)
    x = np.random.default_rng(0).normal(size=(2, 8, 8, 4)).astype("float32")
    expected, received = (
        keras.ops.convert_to_numpy(m(x, training=False)) for m in (model, made)
    )
    assert received.shape == (2, 1, 1, 3)
    np.testing.assert_allclose(received, expected, atol=1e-6)


def test_a_sequential_model_and_calls_by_keyword():
    sequential = keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            layers.Conv2D(4, 3, 2, padding="same", name="stem"),
            layers.GlobalAveragePooling2D(keepdims=True, name="pooled"),
            layers.Conv2D(5, 1, name="head"),
        ]
    )
    image = keras.Input((8, 8, 3))
    x = image
    for layer in sequential.layers:
        x = layer(inputs=x)
    functional = keras.Model(image, x)
    data = np.random.default_rng(0).normal(size=(2, 8, 8, 3))
    first, second = (
        friendly(model).predict(data, verbose=0)
        for model in (sequential, functional)
    )
    assert first.shape == (2, 1, 1, 5)
    np.testing.assert_array_equal(first, second)


def test_models_that_it_does_not_take():
    inner = keras.Sequential(
        [keras.Input((8, 8, 3)), layers.Conv2D(4, 1)], name="inner"
    )
    outer = keras.Sequential([keras.Input((8, 8, 3)), inner])
    with pytest.raises(ValueError, match="received `inner`"):
        friendly(outer)
    with pytest.raises(ValueError, match="built Sequential or Functional"):
        friendly(keras.Sequential([layers.Dense(3)]))
    first = keras.Sequential(
        [
            keras.Input((3, 8, 8)),
            layers.Conv2D(4, 1, data_format="channels_first", name="turned"),
        ]
    )
    with pytest.raises(ValueError, match="received `channels_first` in `tur"):
        friendly(first)


def test_a_subclassed_model_is_refused():
    class Subclassed(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = layers.Dense(3)

        def call(self, x):
            return self.dense(x)

    model = Subclassed()
    model(np.zeros((1, 8), "float32"))
    with pytest.raises(ValueError, match="Functional model, received Subcl"):
        friendly(model)


def test_layers_that_are_called_twice():
    first, second = keras.Input((8, 8, 3)), keras.Input((8, 8, 3))
    strided = layers.Conv2D(4, 3, 2, padding="same", name="strided")
    pool = layers.GlobalAveragePooling2D(keepdims=True)
    head = layers.Conv2D(5, 1, name="head")
    outputs = [head(pool(strided(image))) for image in (first, second)]
    made = friendly(keras.Model([first, second], outputs))
    assert made.output_shape == [(None, 1, 1, 5)] * 2
    assert len(made.weights) == 4


class WithoutConfig(layers.Layer):
    def call(self, x):
        return x

    def get_config(self):
        raise KeyError("size")


class OnlyOfSize(layers.Layer):
    """Takes images of one size only."""

    def __init__(self, size, **options):
        super().__init__(**options)
        self.size = size

    def get_config(self):
        return super().get_config() | {"size": self.size}

    def call(self, x):
        return {self.size: x}[x.shape[1]]


def test_a_custom_layer_that_raises_is_named():
    image = keras.Input((33, 33, 3))
    model = keras.Model(image, WithoutConfig(name="own")(image))
    with pytest.raises(ValueError, match="rebuilt.*`own` of type WithoutConf"):
        friendly(model)
    # The variant pads odd sizes by one more pixel.
    x = layers.ZeroPadding2D(((0, 1), (0, 1)))(image)
    x = layers.Conv2D(4, 3, 2)(x)
    model = keras.Model(image, OnlyOfSize(16, name="own")(x))
    with pytest.raises(ValueError, match="take.*`own` of type OnlyOfSize"):
        friendly(model)


@pytest.mark.slow
@pytest.mark.once("the same on every backend: it looks at TFLite files")
def test_obstacles():
    told = "; ".join(obstacles(small()))
    assert "`stem" in told and "'same'" in told
    assert obstacles(friendly(small())) == ()
