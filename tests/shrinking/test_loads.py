"""Small models of parts that a plain model cannot hold as they are."""

import keras
import numpy as np
import pytest
from keras import layers
from keras import ops

from keras_slr import Filter
from keras_slr import dependency_groups
from keras_slr import fold_batch_norm
from keras_slr import hard_prune
from keras_slr import shrink
from keras_slr.keras_internals.graphs import calls_of
from tests.shrinking.helpers import assert_same
from tests.shrinking.helpers import group_of
from tests.shrinking.helpers import prune_filters
from tests.shrinking.helpers import randomize

pytestmark = pytest.mark.once("configs and graphs, the same on every backend")


def assert_loads(model, small, folder):
    assert_same(model, small)
    small.save(folder / "small.keras")
    loaded = keras.models.load_model(folder / "small.keras")
    assert loaded.count_params() == small.count_params()
    assert_same(model, loaded)
    return loaded


@keras.saving.register_keras_serializable(package="tests")
class Odd(layers.Layer):
    """Its config has what its constructor does not take."""

    def call(self, x):
        return ops.flip(x, -1)

    def get_config(self):
        return super().get_config() | {"count": 3}


@keras.saving.register_keras_serializable(package="tests")
class Body(keras.Model):
    """A model with a graph, made by arguments of its own."""

    def __init__(self, width, **kwargs):
        x = keras.Input((5,))
        y = Odd(name="odd")(layers.Dense(width, "relu", name="inner")(x))
        super().__init__(x, layers.Dense(6, name="last")(y), **kwargs)
        self.width = width

    def get_config(self):
        return {"name": self.name, "width": self.width}

    @classmethod
    def from_config(cls, config):
        return cls(**config)


@pytest.mark.parametrize("make", [shrink, fold_batch_norm])
def test_model_with_a_layer_that_cannot_be_made_again_stays_whole(
    make, tmp_path
):
    body = Body(8, name="body")
    x = keras.Input((5,))
    y = layers.Dense(12, "relu", name="head")(body(x))
    model = keras.Model(x, layers.Dense(2)(y))
    randomize(model)
    prune_filters(model, 0.5)
    made = make(model)
    loaded = assert_loads(model, made, tmp_path)
    assert type(loaded.get_layer("body")) is Body
    if make is shrink:
        assert loaded.get_layer("head").kernel.shape == (6, 6)
    reason = "goes through `body` (Body), which is not understood"
    names = [str(m) for g in dependency_groups(model) for m in g.members]
    assert "head filters" in names
    assert not any("inner" in name for name in names)
    y = layers.Dense(5, name="before")(x)
    model = keras.Model(x, body(y))
    assert reason in group_of(model, "before").reason


def test_layer_shared_with_a_nested_model(tmp_path):
    shared = layers.Dense(6, "relu", name="shared")
    part = keras.Input((6,))
    inner = keras.Model(
        part, layers.Dense(6, name="second")(shared(part)), name="inner"
    )
    x = keras.Input((5,))
    y = layers.Dense(6, name="first")(x)
    y = layers.Add()([inner(y), shared(y)])
    y = layers.Dense(8, "relu", name="second")(y)
    model = keras.Model(x, layers.Dense(2)(y))
    randomize(model)
    prune_filters(model, 0.5)
    small = shrink(model)
    assert small.count_params() < model.count_params()
    loaded = assert_loads(model, small, tmp_path)
    assert len(calls_of(loaded.get_layer("shared"))) == 2
    assert loaded.get_layer("inner_second")


def test_layer_that_another_one_wraps(tmp_path):
    shared = layers.Dense(6, name="shared")
    x = keras.Input((4, 6))
    y = layers.BatchNormalization()(shared(x))
    y = layers.Add()([y, layers.TimeDistributed(shared, name="steps")(x)])
    y = layers.Dense(8, "relu", name="a")(y)
    model = keras.Model(x, layers.Dense(2)(y))
    randomize(model)
    hard_prune(model, 0.5, structure=Filter(), include="a")
    small = shrink(model)
    assert small.get_layer("steps").layer is small.get_layer("shared")
    assert small.count_params() < model.count_params()
    assert_loads(model, small, tmp_path)
    # What is folded into the one would be in the other, too.
    folded = fold_batch_norm(model)
    assert len(folded.layers) == len(model.layers)
    assert_same(model, folded)


@pytest.fixture
def hub():
    return pytest.importorskip("keras_hub").models


def test_deeplab(hub, tmp_path):
    image_shape = (32, 32, 3)
    encoder = hub.ResNetBackbone(
        input_conv_filters=[64],
        input_conv_kernel_sizes=[7],
        stackwise_num_filters=[64, 8, 8],
        stackwise_num_blocks=[1, 1, 1],
        stackwise_num_strides=[1, 2, 2],
        block_type="basic_block",
        image_shape=image_shape,
    )
    backbone = hub.DeepLabV3Backbone(
        image_encoder=encoder,
        low_level_feature_key="P2",
        spatial_pyramid_pooling_key="P4",
        dilation_rates=[6, 12],
        upsampling_size=4,
        projection_filters=8,
        image_shape=image_shape,
    )
    model = hub.DeepLabV3ImageSegmenter(backbone, num_classes=2)
    randomize(model)
    hard_prune(model, 0.3, structure=Filter())
    small = shrink(model)
    assert small.count_params() < 0.9 * model.count_params()
    assert_loads(model, small, tmp_path)


def test_vision_transformer_stays_whole_below_its_head(hub, tmp_path):
    backbone = hub.ViTBackbone(
        image_shape=(16, 16, 3),
        patch_size=(8, 8),
        num_layers=1,
        num_heads=2,
        hidden_dim=8,
        mlp_dim=16,
        dropout_rate=0.0,
        attention_dropout=0.0,
    )
    x = backbone.input
    y = layers.Flatten()(backbone(x))
    y = layers.Dense(16, "relu", name="head")(y)
    model = keras.Model(x, layers.Dense(2)(y))
    prune_filters(model, 0.5)
    small = shrink(model)
    assert small.get_layer("head").units == 8
    assert_loads(model, small, tmp_path)


TEXT = {
    "vocabulary_size": 20,
    "num_layers": 1,
    "num_heads": 2,
    "hidden_dim": 8,
    "intermediate_dim": 16,
    "max_sequence_length": 6,
}


def words(model):
    rng = np.random.default_rng(0)
    return keras.tree.map_structure(
        lambda x: rng.integers(0, 2, (2, x.shape[1] or 6)), model.input
    )


# OPT's head is a part of a layer that makes a table of its own.
@pytest.mark.parametrize(
    ("name", "count"),
    [("GPT2CausalLM", 1), ("BertMaskedLM", 1), ("OPTCausalLM", 2)],
)
def test_tables_of_a_language_model(hub, name, count, tmp_path):
    kind = getattr(hub, name)
    backbone = kind.backbone_cls(**TEXT, dropout=0.0)
    model = kind(backbone=backbone, preprocessor=None)
    small = shrink(model)
    small.save(tmp_path / "small.keras")
    loaded = keras.models.load_model(tmp_path / "small.keras")
    expected, *given = (
        ops.convert_to_numpy(m(words(model), training=False))
        for m in (model, small, loaded)
    )
    for y in given:
        np.testing.assert_allclose(y, expected, 1e-5, 1e-6)
    tables = [w for w in loaded.weights if tuple(w.shape) == (20, 8)]
    assert len(tables) == count
