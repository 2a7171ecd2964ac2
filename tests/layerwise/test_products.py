"""Rows times matrices are what the operation computes."""

import keras
import numpy as np
import pytest
from keras import layers
from keras import ops

from keras_slr.keras_internals.products import products_seen_by
from keras_slr.layerwise.products import channels_of
from keras_slr.layerwise.products import layout_of
from keras_slr.layerwise.products import rows_of
from tests.helpers import to_numpy

LAYERS = {
    "dense": ((5, 7), lambda: layers.Dense(6, use_bias=False)),
    "einsum": (
        (5, 7),
        lambda: layers.EinsumDense("abc,cde->abde", (None, 2, 3)),
    ),
    "einsum of two inputs": (
        (5, 2, 3),
        lambda: layers.EinsumDense("abcd,cde->abe", (None, 4)),
    ),
    "einsum by groups": (
        (5, 2, 3),
        lambda: layers.EinsumDense("abcd,cde->abce", (None, 2, 4)),
    ),
    "einsum with dots": (
        (5, 6, 3),
        lambda: layers.EinsumDense("...c,cd->...d", (4,)),
    ),
    "conv1d, dilated": (
        (9, 4),
        lambda: layers.Conv1D(6, 3, dilation_rate=2, use_bias=False),
    ),
    "conv1d, causal": (
        (9, 4),
        lambda: layers.Conv1D(6, 3, padding="causal", use_bias=False),
    ),
    "conv2d, strided, same": (
        (8, 7, 4),
        lambda: layers.Conv2D(6, (3, 2), 2, "same", use_bias=False),
    ),
    "conv2d, grouped": (
        (6, 6, 4),
        lambda: layers.Conv2D(6, 3, groups=2, use_bias=False),
    ),
    "conv3d": (
        (4, 5, 6, 2),
        lambda: layers.Conv3D(3, 2, padding="same", use_bias=False),
    ),
    "depthwise": (
        (6, 7, 4),
        lambda: layers.DepthwiseConv2D(
            3, padding="same", depth_multiplier=2, use_bias=False
        ),
    ),
    "transposed, valid": (
        (5, 6, 4),
        lambda: layers.Conv2DTranspose(3, 3, 2, use_bias=False),
    ),
    "transposed, wide stride": (
        (5, 6, 4),
        lambda: layers.Conv2DTranspose(3, 2, 3, use_bias=False),
    ),
    "transposed, same": (
        (5, 6, 4),
        lambda: layers.Conv2DTranspose(3, 3, 2, "same", use_bias=False),
    ),
    "transposed 1d": (
        (5, 4),
        lambda: layers.Conv1DTranspose(3, 4, 2, "same", use_bias=False),
    ),
}


@pytest.mark.parametrize("name", LAYERS)
def test_rows_times_matrices_are_the_outputs(name):
    shape, make = LAYERS[name]
    rng = np.random.default_rng(0)
    x = rng.normal(size=(3, *shape)).astype("float32")
    layer = make()
    layer.build(x.shape)
    seen = []
    with products_seen_by(lambda *event: seen.append(event)):
        y = ops.convert_to_numpy(layer(x))
    ((kind, given, _, options),) = [e for e in seen if e[2] is layer.kernel]
    given = ops.convert_to_numpy(given)
    kernel = to_numpy(layer.kernel)
    channels = channels_of(kind, given, options)
    layout = layout_of(kind, kernel.shape, channels, options)
    rows = rows_of(kind, given, kernel.shape, options)

    found = rows @ layout.to_matrices(kernel)

    # Groups lie before the outputs of each in the channels.
    found = np.moveaxis(found, 0, 1).reshape(y.shape)
    np.testing.assert_allclose(found, y, rtol=1e-4, atol=1e-5)
    back = layout.from_matrices(layout.to_matrices(kernel), kernel.shape)
    np.testing.assert_array_equal(back, kernel)


def test_channels_first():
    if keras.backend.backend() == "tensorflow":
        pytest.skip("TensorFlow has no such convolution on a CPU")
    x = np.random.default_rng(0).normal(size=(2, 3, 6, 6)).astype("float32")
    layer = layers.Conv2D(4, 3, use_bias=False, data_format="channels_first")
    seen = []
    with products_seen_by(lambda *event: seen.append(event)):
        y = np.moveaxis(ops.convert_to_numpy(layer(x)), 1, -1)
    kind, given, _, options = seen[0]
    kernel = to_numpy(layer.kernel)
    assert channels_of(kind, given, options) == 3
    layout = layout_of(kind, kernel.shape, 3, options)
    rows = rows_of(kind, ops.convert_to_numpy(given), kernel.shape, options)
    found = (rows @ layout.to_matrices(kernel)).reshape(y.shape)
    np.testing.assert_allclose(found, y, rtol=1e-4, atol=1e-5)


def test_both_kernels_of_a_separable_convolution_are_seen():
    layer = layers.SeparableConv2D(6, 3, padding="same", use_bias=False)
    x = np.ones((1, 5, 5, 4), "float32")
    layer.build(x.shape)
    plain = ops.convert_to_numpy(layer(x))
    seen = []
    with products_seen_by(lambda *event: seen.append(event[2])):
        y = ops.convert_to_numpy(layer(x))
    kernels = [layer.depthwise_kernel, layer.pointwise_kernel]
    known = [id(each) for each in kernels]
    assert [id(each) for each in seen if id(each) in known] == known
    np.testing.assert_allclose(y, plain, rtol=1e-5, atol=1e-6)


def test_nothing_stays_replaced_after_an_error():
    before = ops.matmul(np.eye(2), np.eye(2))
    seen = []
    see = seen.append
    with pytest.raises(ZeroDivisionError), products_seen_by(see):
        raise ZeroDivisionError
    after = ops.matmul(np.eye(2), np.eye(2))
    np.testing.assert_array_equal(
        ops.convert_to_numpy(after), ops.convert_to_numpy(before)
    )
    assert not seen


def test_kernels_in_pieces_are_seen_as_they_are_split():
    """The cells of some recurrent layers split their kernels."""
    kernel = keras.Variable(np.ones((3, 4), "float32"))
    seen = []
    with products_seen_by(lambda *event: seen.append(event)):
        pieces = ops.split(kernel, 2, axis=1)
        ops.split(kernel, 3, axis=0)
    ((kind, found, whole, _),) = seen
    assert kind == "split" and whole is kernel
    assert [id(each) for each in found] == [id(each) for each in pieces]
