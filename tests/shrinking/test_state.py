"""What layers hold besides weights: vocabularies, tables, statistics."""

import pathlib

import keras
import numpy as np
import pytest
from keras import layers
from keras import ops

from keras_slr import Filter
from keras_slr import fold_batch_norm
from keras_slr import hard_prune
from keras_slr import shrink
from tests.helpers import needs_keras
from tflite_export import friendly

pytestmark = pytest.mark.once("copies what layers hold besides weights")

MAKERS = (shrink, fold_batch_norm)
TEXTS = ["red green blue", "green blue", "blue blue black"]
NUMBERS = [7, 9, 9, 4]
needs_strings = pytest.mark.skipif(
    keras.config.backend() != "tensorflow",
    reason="models read strings on TensorFlow alone",
)


def classifier(x, y):
    y = layers.Dense(8, "relu", name="hidden")(y)
    y = layers.BatchNormalization()(y)
    model = keras.Model(x, layers.Dense(3)(y))
    hard_prune(model, 0.5, structure=Filter(), include="re:.*")
    return model


def outputs(model, x):
    if keras.config.backend() == "tensorflow":
        x = ops.convert_to_tensor(x)
    return ops.convert_to_numpy(model(x, training=False))


def assert_copied(model, x, folder):
    expected = outputs(model, x)
    assert expected.std(axis=0).max() > 0
    for make in MAKERS:
        made = make(model)
        np.testing.assert_allclose(outputs(made, x), expected, 1e-4, 1e-5)
        made.save(folder / "made.keras")
        loaded = keras.models.load_model(folder / "made.keras")
        np.testing.assert_allclose(outputs(loaded, x), expected, 1e-4, 1e-5)
    assert shrink(model).count_params() < model.count_params()


@pytest.mark.parametrize("mode", ["one_hot", "tf_idf"])
def test_integer_lookup(mode, tmp_path):
    if mode == "tf_idf":
        needs_keras("3.14", "IntegerLookup that loads its weights")
    lookup = layers.IntegerLookup(output_mode=mode, name="lookup")
    lookup.adapt(np.array(NUMBERS)[:, None])
    x = keras.Input((1,), dtype="int32")
    model = classifier(x, lookup(x))
    assert_copied(model, np.array([[9], [4], [5]], "int32"), tmp_path)
    copy = shrink(model).get_layer("lookup")
    assert copy.get_vocabulary()[:2] == [-1, 9]


@needs_strings
@pytest.mark.parametrize("mode", ["int", "multi_hot", "tf_idf"])
def test_text_vectorization(mode, tmp_path):
    vectorize = layers.TextVectorization(output_mode=mode, name="words")
    vectorize.adapt(np.array(TEXTS))
    x = keras.Input((), dtype="string")
    y = vectorize(x)
    if mode == "int":
        y = layers.Embedding(9, 6)(y)
        y = layers.GlobalAveragePooling1D()(y)
    model = classifier(x, y)
    assert_copied(model, np.array(["blue red", "black white"]), tmp_path)
    copy = shrink(model).get_layer("words")
    special = 1 if mode != "int" else 2
    words = copy.get_vocabulary()[special : special + 2]
    assert words == ["blue", "green"]


@needs_strings
def test_string_lookup_in_a_nested_model(tmp_path):
    lookup = layers.StringLookup(output_mode="one_hot")
    lookup.adapt(np.array(TEXTS)[:, None])
    part = keras.Input((1,), dtype="string")
    inner = keras.Model(part, lookup(part))
    x = keras.Input((1,), dtype="string")
    model = classifier(x, inner(x))
    assert_copied(model, np.array([["green blue"], ["white"]]), tmp_path)


@keras.saving.register_keras_serializable(package="tests")
class Table(layers.Layer):
    """Saves an array that is not a variable."""

    table = 1.0

    def call(self, x):
        return x * self.table

    def compute_output_shape(self, input_shape):
        return input_shape

    def save_own_variables(self, store):
        store["table"] = self.table

    def load_own_variables(self, store):
        self.table = np.array(store["table"])


@keras.saving.register_keras_serializable(package="tests")
class Scale(layers.Layer):
    """Saves a number in a file."""

    scale = 1.0

    def call(self, x):
        return x * self.scale

    def compute_output_shape(self, input_shape):
        return input_shape

    def save_assets(self, folder):
        pathlib.Path(folder, "scale.txt").write_text(str(self.scale))

    def load_assets(self, folder):
        self.scale = float(pathlib.Path(folder, "scale.txt").read_text())


@pytest.mark.parametrize(
    ("kind", "name", "value"),
    [
        (Table, "table", np.arange(5.0, dtype="float32")),
        (Scale, "scale", 3.5),
    ],
)
@pytest.mark.parametrize("wrapped", [False, True])
def test_layers_with_saving_methods(kind, name, value, wrapped, tmp_path):
    layer = kind()
    setattr(layer, name, value)
    x = keras.Input((4, 5))
    y = layers.TimeDistributed(layer)(x) if wrapped else layer(x)
    model = classifier(x, layers.Flatten()(y))
    data = np.random.default_rng(0).normal(size=(3, 4, 5)).astype("float32")
    assert_copied(model, data, tmp_path)


def test_normalization_in_a_wrapper(tmp_path):
    rng = np.random.default_rng(0)
    scale = layers.Normalization()
    scale.adapt(rng.normal(3.0, 2.0, size=(50, 5)))
    x = keras.Input((4, 5))
    y = layers.Flatten()(layers.TimeDistributed(scale)(x))
    data = rng.normal(3.0, 2.0, size=(3, 4, 5)).astype("float32")
    assert_copied(classifier(x, y), data, tmp_path)


def test_friendly_copies_adapted_statistics():
    rng = np.random.default_rng(0)
    scale = layers.Normalization()
    scale.adapt(rng.normal(3.0, 2.0, size=(20, 8, 8, 3)))
    x = keras.Input((8, 8, 3))
    y = layers.Conv2D(4, 3)(scale(x))
    model = keras.Model(x, layers.GlobalAveragePooling2D()(y))
    data = rng.normal(3.0, 2.0, size=(2, 8, 8, 3)).astype("float32")
    np.testing.assert_allclose(
        outputs(friendly(model), data), outputs(model, data), 1e-5, 1e-6
    )


@pytest.mark.once("a layer that fails before any backend is asked")
def test_layer_that_does_not_load_what_it_saves_is_named():
    @keras.saving.register_keras_serializable(package="tests")
    class Broken(Table):
        def load_own_variables(self, store):
            self.table = store["other"]

    x = keras.Input((5,))
    model = classifier(x, Broken(name="mine")(x))
    with pytest.raises(ValueError, match="load what they save.*`mine`.*other"):
        shrink(model)
