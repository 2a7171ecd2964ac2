"""Pictures of kernels."""

import keras
import numpy as np
import pytest

from keras_slr.plots import kernel_mask
from keras_slr.plots.axes import new_axes

pytestmark = pytest.mark.once("draws numbers")


def pixels(ax):
    (image,) = ax.images
    return np.asarray(image.get_array())


def test_dense_rows_are_inputs():
    kernel = np.array([[0.0, 2.0, 0.0], [-1.0, 0.0, 0.0]])
    given = new_axes()
    ax = kernel_mask(kernel, given)
    assert ax is given
    np.testing.assert_array_equal(pixels(ax), [[0, 1, 0], [1, 0, 0]])
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("output", "input")
    # The first input is at the top.
    assert ax.images[0].get_extent() == [0, 3, 2, 0]


def test_windows_of_a_convolution():
    kernel = np.zeros((3, 2, 4, 5))
    kernel[2, 1, 3, 0] = 0.5
    kernel[0, 1, 1, 4] = -0.5
    picture = pixels(kernel_mask(kernel))
    assert picture.shape == (4 * 3, 5 * 2)
    # Input times height plus row, output times width plus column.
    assert np.argwhere(picture).tolist() == [[3 + 0, 8 + 1], [9 + 2, 0 + 1]]


def test_one_dimension_of_window():
    kernel = np.zeros((3, 2, 2))
    kernel[2, 1, 0] = 1
    picture = pixels(kernel_mask(keras.Variable(kernel)))
    assert picture.shape == (2, 6)
    assert np.argwhere(picture).tolist() == [[1, 2]]


def test_a_bias():
    with pytest.raises(ValueError, match="not a bias"):
        kernel_mask(np.zeros(3))
