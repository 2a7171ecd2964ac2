"""The networks have the sizes of their papers, and attend as they should."""

import keras
import numpy as np
import pytest

from examples.models import CLASSIFIERS
from examples.models import pretrained
from examples.models.deeplab import deeplab_v3_plus
from examples.models.ds_cnn import ds_cnn
from examples.models.swin import WindowAttention
from examples.models.ultra_fast_lanes import ultra_fast_lanes

once = pytest.mark.once("builds graphs")


@once
@pytest.mark.parametrize(
    "name, parameters",
    [
        # arXiv 1512.03385, table 6: 0.27, 0.85 and 1.7 million.
        ("resnet20", 0.27e6),
        ("resnet56", 0.85e6),
        ("resnet110", 1.73e6),
        # The convolutions of arXiv 1409.1556, and one dense layer.
        ("vgg16", 14.7e6),
    ],
)
def test_nets_have_the_published_sizes(name, parameters):
    model = CLASSIFIERS[name]()
    assert model.output_shape == (None, 10)
    assert model.count_params() == pytest.approx(parameters, rel=0.015)


@once
@pytest.mark.parametrize(
    "name, parameters", [("resnet18", 11.69e6), ("resnet50", 25.56e6)]
)
def test_nets_for_imagenet_have_the_published_sizes(name, parameters):
    model = CLASSIFIERS[name]((224, 224, 3), 1000)
    assert model.output_shape == (None, 1000)
    # Without the moving statistics of batch norm.
    count = sum(np.prod(v.shape) for v in model.trainable_variables)
    assert count == pytest.approx(parameters, rel=0.001)


@once
def test_deeplab_says_something_of_every_pixel():
    model = deeplab_v3_plus((128, 160, 3), 5, scale=8)
    assert model.output_shape == (None, 128, 160, 5)
    # Dilation in the place of a stride: an encoder that divides by 16.
    assert model.get_layer("stage4_block1_conv1").strides == (1, 1)
    assert model.get_layer("aspp_conv").output.shape[1:3] == (8, 10)


@once
def test_lanes_have_logits_for_every_row():
    model = ultra_fast_lanes((288, 800, 3), 4, 56, 100, scale=16)
    assert model.output_shape == (None, 4, 56, 101)


@once
def test_the_keyword_net_is_small():
    # arXiv 1711.07128 gives 38.6 thousand bytes of 8-bit weights.
    model = ds_cnn((49, 10), 12)
    assert 20e3 < model.count_params() < 40e3


def test_tokens_brought_together_by_a_shift_are_apart():
    layer = WindowAttention(window=4, shift=2, heads=2)
    rng = np.random.default_rng(0)
    x = rng.normal(size=(1, 8, 8, 8)).astype("float32")
    changed = x.copy()
    changed[:, :2] += 1
    before, after = (
        keras.ops.convert_to_numpy(layer(image)) for image in (x, changed)
    )
    differ = np.abs(after - before).max(axis=(0, 2, 3)) > 1e-5
    # Rows 6 and 7 share shifted windows with rows 0 and 1.
    np.testing.assert_array_equal(differ, [True] * 2 + [False] * 6)


def test_windows_do_not_see_each_other():
    layer = WindowAttention(window=4, shift=0, heads=2)
    rng = np.random.default_rng(0)
    x = rng.normal(size=(1, 8, 8, 8)).astype("float32")
    changed = x.copy()
    changed[:, 1, 5] += 1
    before, after = (
        keras.ops.convert_to_numpy(layer(image)) for image in (x, changed)
    )
    differ = np.abs(after - before).max(axis=(0, 3)) > 1e-5
    expected = np.zeros((8, 8), bool)
    expected[:4, 4:] = True
    np.testing.assert_array_equal(differ, expected)


@once
def test_missing_weights_are_asked_for(tmp_path):
    with pytest.raises(FileNotFoundError, match="akamaster"):
        pretrained.resnet(3, tmp_path)
    with pytest.raises(FileNotFoundError, match="mlcommons/tiny"):
        pretrained.resnet_8(tmp_path)
