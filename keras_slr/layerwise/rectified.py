"""What follows a product in its layer: the bias, and perhaps a ReLU."""

import keras
import numpy as np

from keras_slr.backend import to_host


def bias_of(layer, layout):
    """Returns the bias of a layer as an array `(groups, outputs)`.

    Args:
        layer: Keras layer that owns the kernel.
        layout: `Layout` of the kernel.
    """
    groups, _, outputs = layout.shape
    bias = getattr(layer, "bias", None)
    if bias is None:
        return np.zeros((groups, outputs))
    return to_host(bias).astype(np.float64).reshape(groups, outputs)


def is_rectified(weight):
    """Returns whether a ReLU follows the kernel's product and its bias.

    Args:
        weight: `selection.Weight`. If a layer has two kernels, its ReLU
            follows the last one.
    """
    activation = getattr(weight.layer, "activation", None)
    name = weight.variable.name
    return activation is keras.activations.relu and name in (
        "kernel",
        "pointwise_kernel",
    )
