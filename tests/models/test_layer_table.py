"""The table of layers with kernels, against the layers that Keras builds."""

import keras
import pytest
from keras import layers

from keras_slr.models.layer_table import KERNELS
from keras_slr.models.layer_table import Family
from keras_slr.models.layer_table import kernel_families
from keras_slr.selection.axes import axes_of

pytestmark = pytest.mark.once("looks at names and shapes")

# Layers with sizes that all differ: 5 inputs and 7 outputs.
BUILT = [
    (layers.Dense(7), (1, 5)),
    (layers.EinsumDense("ab,bc->ac", 7), (1, 5)),
    (layers.Conv1D(7, 3), (1, 11, 5)),
    (layers.Conv2D(7, 3), (1, 11, 11, 5)),
    (layers.Conv3D(7, 3), (1, 11, 11, 11, 5)),
    (layers.Conv1DTranspose(7, 3), (1, 11, 5)),
    (layers.Conv2DTranspose(7, 3), (1, 11, 11, 5)),
    (layers.Conv3DTranspose(7, 3), (1, 11, 11, 11, 5)),
    (layers.DepthwiseConv1D(3, depth_multiplier=7), (1, 11, 5)),
    (layers.DepthwiseConv2D(3, depth_multiplier=7), (1, 11, 11, 5)),
    (layers.SeparableConv1D(7, 3, depth_multiplier=1), (1, 11, 5)),
    (layers.SeparableConv2D(7, 3, depth_multiplier=1), (1, 11, 11, 5)),
    (layers.Embedding(5, 7), (1, 2)),
    (layers.SimpleRNNCell(7), (1, 5)),
    (layers.GRUCell(7), (1, 5)),
    (layers.LSTMCell(7), (1, 5)),
    (layers.ConvLSTM2D(7, 3).cell, (1, 11, 11, 5)),
]


@pytest.mark.parametrize(
    "layer, shape", BUILT, ids=[type(layer).__name__ for layer, _ in BUILT]
)
def test_the_kernels_of_a_layer_have_the_names_of_the_table(layer, shape):
    layer.build(shape)
    kernels = {
        v.name: v
        for v in layer.trainable_variables
        if len(v.shape) > 1 and v.name != "bias"
    }
    families = kernel_families(layer)
    assert list(kernels) == list(families)
    for name, family in families.items():
        axes = axes_of(layer, name, len(kernels[name].shape))
        outputs, inputs, window = axes.sizes(kernels[name].shape)
        width = 1 if name == "pointwise_kernel" else 3
        assert window == width ** len(axes.window)
        if family is Family.DEPTHWISE:
            assert outputs % 5 == 0 and axes.inputs == ()
        elif name != "recurrent_kernel":
            assert (outputs % 7, inputs) == (0, 5)


def test_the_table_has_no_other_layers():
    built = {type(layer) for layer, _ in BUILT}
    names = {cls.__name__ for cls in built}
    assert len(KERNELS) == len(BUILT)
    assert all(key in built or key in names for key in KERNELS)


def test_a_subclass_has_the_kernels_of_its_layer():
    class Own(layers.Dense):
        pass

    assert kernel_families(Own(3)) == {"kernel": Family.DENSE}
    assert kernel_families(layers.LayerNormalization()) == {}
    assert keras.layers.MultiHeadAttention not in KERNELS
