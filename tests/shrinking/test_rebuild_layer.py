"""Layers with parts that a config cannot hold, or only in one shape."""

import keras
import numpy as np
import pytest
from keras import layers
from keras import ops
from keras.initializers import Constant

from keras_slr import Filter
from keras_slr import fold_batch_norm
from keras_slr import hard_prune
from keras_slr import shrink
from keras_slr.files.file_size import gzipped_size
from tests.helpers import needs_keras
from tests.shrinking.helpers import assert_same
from tests.shrinking.helpers import randomize
from tests.shrinking.helpers import widths
from tflite_export import friendly

pytestmark = pytest.mark.once("configs, the same on every backend")
MATRIX = np.random.default_rng(0).normal(size=(5, 8)).astype("float32")


class NoConfig(keras.regularizers.Regularizer):
    def __call__(self, x):
        return ops.sum(x * x)


class Free(keras.constraints.Constraint):
    def __call__(self, w):
        return w


class Ones(keras.initializers.Initializer):
    def __call__(self, shape, dtype=None):
        return ops.ones(shape, dtype)


@keras.saving.register_keras_serializable(package="tests")
class Filled(keras.initializers.Initializer):
    def __call__(self, shape, dtype=None):
        return ops.full(shape, 0.5, dtype)

    def get_config(self):
        return {}


class Rectify:
    def __call__(self, x):
        return ops.relu(x)


def dense(**arguments):
    x = keras.Input((5,))
    y = layers.Dense(8, name="a", **arguments)(x)
    y = layers.Dense(6, "relu", name="b")(layers.BatchNormalization()(y))
    model = keras.Model(x, layers.Dense(2)(y))
    randomize(model)
    hard_prune(model, 0.5, structure=Filter(), include="re:.*")
    return model


def saved_and_loaded(model, folder):
    model.save(folder / "model.keras")
    return keras.models.load_model(folder / "model.keras")


INITIALIZERS = {
    "constant": {"kernel_initializer": Constant(MATRIX)},
    "array": {"kernel_initializer": MATRIX},
    "lambda": {"kernel_initializer": lambda shape, dtype: ops.ones(shape)},
    "without config": {"kernel_initializer": Ones()},
    "bias": {"bias_initializer": Constant(np.arange(8.0))},
    "bias array": {"bias_initializer": np.arange(8.0)},
}


@pytest.mark.parametrize("name", INITIALIZERS)
def test_initializer_that_does_not_fit_becomes_zeros(name, tmp_path):
    model = dense(**INITIALIZERS[name])
    small = shrink(model)
    assert widths(small)["a"] == (5, 4)
    key = next(iter(INITIALIZERS[name]))
    made = getattr(small.get_layer("a"), key)
    assert isinstance(made, keras.initializers.Zeros)
    assert_same(model, small)
    assert_same(model, saved_and_loaded(small, tmp_path))
    assert_same(model, keras.saving.load_model(tmp_path / "model.keras"))
    # The model that was given is as before.
    before = getattr(model.get_layer("a"), key)
    assert not isinstance(before, keras.initializers.Zeros)


@pytest.mark.parametrize(
    "initializer", ["orthogonal", "he_normal", Constant(0.5), Filled()]
)
def test_initializer_that_fits_any_shape_stays(initializer):
    small = shrink(dense(kernel_initializer=initializer))
    expected = keras.initializers.get(initializer)
    made = small.get_layer("a").kernel_initializer
    assert type(made) is type(expected)
    assert made.get_config() == expected.get_config()


def test_layer_that_is_not_cut_keeps_its_initializer():
    x = keras.Input((5,))
    y = layers.Dense(8, kernel_initializer=Constant(MATRIX), name="a")(x)
    model = keras.Model(x, y)
    made = shrink(model).get_layer("a").kernel_initializer
    np.testing.assert_array_equal(made.value, MATRIX)


def test_all_layers_that_are_cut(tmp_path):
    def array(*shape):
        return Constant(np.full(shape, 0.3))

    x = keras.Input((6,), dtype="int32")
    y = layers.Embedding(5, 8, embeddings_initializer=array(5, 8))(x)
    y = layers.Conv1D(8, 3, kernel_initializer=array(3, 8, 8))(y)
    y = layers.BatchNormalization(
        gamma_initializer=array(8), moving_mean_initializer=array(8)
    )(y)
    y = layers.PReLU(alpha_initializer=array(4, 8))(y)
    y = layers.SeparableConv1D(
        8,
        2,
        depthwise_initializer=array(2, 8, 1),
        pointwise_initializer=array(1, 8, 8),
        bias_initializer=array(8),
    )(y)
    y = layers.DepthwiseConv1D(2, depthwise_initializer=array(2, 8, 1))(y)
    y = layers.MultiHeadAttention(
        2, 3, kernel_initializer=Constant(0.1), kernel_regularizer=NoConfig()
    )(y, y)
    y = layers.EinsumDense(
        "abc,cd->abd", (2, 8), kernel_initializer=array(8, 8)
    )(y)
    model = keras.Model(x, layers.Dense(2)(layers.Flatten()(y)))
    randomize(model)
    hard_prune(model, 0.5, structure=Filter(), include="re:.*")
    small = shrink(model)
    assert small.count_params() < model.count_params() / 2
    assert_same(model, small)


def test_folding_makes_a_bias_without_its_initializer():
    x = keras.Input((5,))
    y = layers.Dense(
        8, use_bias=False, bias_initializer=Constant(np.ones(7)), name="a"
    )(x)
    model = keras.Model(x, layers.BatchNormalization()(y))
    randomize(model)
    folded = fold_batch_norm(model)
    assert len(folded.layers) == len(model.layers) - 1
    assert_same(model, folded)


SHARED = {
    "regularizer": {"kernel_regularizer": NoConfig()},
    "function": {"kernel_regularizer": lambda w: ops.sum(w)},
    "constraint": {"bias_constraint": Free()},
    "activity": {"activity_regularizer": NoConfig()},
    "lambda": {"activation": lambda x: ops.relu(x)},
    "callable": {"activation": Rectify()},
}


@pytest.mark.parametrize("make", [shrink, fold_batch_norm, friendly])
@pytest.mark.parametrize("name", SHARED)
def test_object_without_a_config_is_shared(make, name):
    if name == "function":
        needs_keras("3.15", "functions as regularizers")
    model = dense(**SHARED[name])
    made = make(model)
    assert_same(model, made)
    (key, value), *_ = SHARED[name].items()
    assert getattr(made.get_layer("a"), key) is value
    assert getattr(model.get_layer("a"), key) is value


def test_objects_without_a_config_in_wrappers_and_cells():
    penalty = NoConfig()
    inner = keras.Sequential(
        [layers.Dense(4, kernel_regularizer=penalty, name="inner")]
    )
    x = keras.Input((4, 5))
    y = layers.TimeDistributed(inner, name="steps")(x)
    y = layers.TimeDistributed(layers.Lambda(lambda x: 2.0 * x))(y)
    y = layers.RNN(layers.GRUCell(4, kernel_regularizer=penalty), name="rnn")(y)
    model = keras.Model(x, layers.Dense(2)(layers.Dense(6, name="a")(y)))
    randomize(model)
    hard_prune(model, 0.5, structure=Filter(), include="a")
    small = shrink(model)
    assert_same(model, small)
    inner = small.get_layer("steps").layer.get_layer("inner")
    assert inner.kernel_regularizer is penalty
    assert small.get_layer("rnn").cell.kernel_regularizer is penalty


@keras.saving.register_keras_serializable(package="tests")
class Pyramid(layers.Layer):
    """Its `build` takes tuples alone, as KerasHub's pyramid pooling does."""

    def build(self, input_shape):
        self.dense = layers.Dense(4)
        self.dense.build(input_shape[:-1] + (5,))

    def call(self, x):
        return self.dense(x[..., :5])

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], 4)


@pytest.mark.parametrize("make", [shrink, fold_batch_norm, friendly])
def test_layer_that_builds_from_tuples_alone_loads(make, tmp_path):
    x = keras.Input((5,))
    y = layers.Dense(6, name="a")(Pyramid()(x))
    model = keras.Model(x, layers.Dense(2)(y))
    randomize(model)
    hard_prune(model, 0.5, structure=Filter(), include="a")
    made = make(model)
    assert_same(model, saved_and_loaded(made, tmp_path))


def test_size_of_a_model_with_an_object_without_a_config():
    expected = gzipped_size(dense())
    size = gzipped_size(dense(kernel_regularizer=NoConfig()))
    assert size == pytest.approx(expected, rel=0.05)
