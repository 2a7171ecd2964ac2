"""Backbones of KerasHub keep the contract."""

import math

import keras
import numpy as np
import pytest
from keras import layers

from tests.contract.contract import check
from tests.contract.kinds.kind import ROWS
from tests.contract.kinds.kind import Kind

pytestmark = pytest.mark.slow
WORDS, LENGTH, WIDTH = 30, 6, 16


def _tokens(*names):
    rng = np.random.default_rng(0)
    words = rng.integers(0, WORDS, (ROWS, LENGTH))
    others = {
        "padding_mask": np.ones((ROWS, LENGTH), "int32"),
        "segment_ids": np.zeros((ROWS, LENGTH), "int32"),
    }
    return {"token_ids": words} | {name: others[name] for name in names}


def _text(hub, **arguments):
    return getattr(hub.models, f"{arguments.pop('name')}Backbone")(
        vocabulary_size=WORDS, num_layers=1, **arguments
    )


def bert(hub):
    backbone = _text(
        hub,
        name="Bert",
        num_heads=2,
        hidden_dim=WIDTH,
        intermediate_dim=2 * WIDTH,
        max_sequence_length=LENGTH,
    )
    return backbone, _tokens("padding_mask", "segment_ids")


def gpt2(hub):
    backbone = _text(
        hub,
        name="GPT2",
        num_heads=2,
        hidden_dim=WIDTH,
        intermediate_dim=2 * WIDTH,
        max_sequence_length=LENGTH,
    )
    return backbone, _tokens("padding_mask")


def gemma(hub):
    """Grouped queries, rotary positions, a table that also projects back."""
    backbone = _text(
        hub,
        name="Gemma",
        num_query_heads=4,
        num_key_value_heads=2,
        hidden_dim=WIDTH,
        intermediate_dim=4 * WIDTH,
        head_dim=8,
    )
    return backbone, _tokens("padding_mask")


def resnet(hub):
    backbone = hub.models.ResNetBackbone(
        input_conv_filters=[64],
        input_conv_kernel_sizes=[3],
        stackwise_num_filters=[64],
        stackwise_num_blocks=[1],
        stackwise_num_strides=[1],
        block_type="basic_block",
        image_shape=(8, 8, 3),
    )
    images = np.random.default_rng(0).normal(size=(ROWS, 8, 8, 3))
    return backbone, images.astype("float32")


def _kernels(model):
    """All products but the first convolution and what is small."""
    kernels = [
        v
        for v in model.trainable_variables
        if v.name == "kernel" and math.prod(v.shape) >= 256
    ]
    images = len(kernels[0].shape) == 4 and kernels[0].shape[-2] == 3
    return kernels[images:]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("method", ["SLR", "ADMM", "GReg two"])
@pytest.mark.parametrize("make", [bert, gpt2, gemma, resnet])
def test_backbone(make, method, tmp_path):
    hub = pytest.importorskip("keras_hub")

    def kind():
        backbone, x = make(hub)
        output = keras.tree.flatten(backbone.output)[0]
        y = layers.Dense(3, name="head")(output)
        model = keras.Model(backbone.input, y)
        y = np.zeros((ROWS, *model.predict_on_batch(x).shape[1:]), "float32")
        return Kind(model, x, y, _kernels)

    check(kind, method, None, tmp_path)
