"""The share of zeros in a model."""

import collections

import keras

from keras_slr.models.checks import check_built
from keras_slr.models.checks import check_model
from keras_slr.models.weight_values import zeros_of
from keras_slr.selection import kernels_of


def sparsity(model: keras.Model) -> dict[str, float]:
    """Returns the share of zeros in each kernel of a model.

    Args:
        model: Built Keras model.

    Returns:
        Dict from the path of a kernel to a float in `[0, 1]`. If two kernels
        have the same path, the second gets the suffix `#2`.

    Raises:
        TypeError: If the model is not a Keras 3 model.
        ValueError: If the model is not built.
    """
    check_model(model)
    check_built(model)
    shares = {}
    seen: collections.Counter[str] = collections.Counter()
    for kernel in kernels_of(model):
        seen[kernel.path] += 1
        count = seen[kernel.path]
        name = kernel.path if count == 1 else f"{kernel.path}#{count}"
        shares[name] = zeros_of(kernel.variable) / kernel.size
    return shares
