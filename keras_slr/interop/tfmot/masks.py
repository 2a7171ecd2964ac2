"""Which entries of a model's kernels stay zero."""

import numpy as np

from keras_slr import backend
from keras_slr.selection import kernels_of


def masks_of(model, masks=None):
    """Collects the masks of a model's kernels.

    Args:
        model: Built Keras model.
        masks: Dict from the path of a kernel, as in `keras_slr.sparsity`, to
            an array of the kernel's shape, zero where it stays zero.
            Defaults to `None`, the zeros that the kernels have now.

    Returns:
        Dict from the position of a kernel among `kernels_of(model)`, as a
        string, to a Boolean array, true where the kernel is free.

    Raises:
        ValueError: If the model has no zeros, or a mask fits no kernel.
    """
    kernels = kernels_of(model)
    if masks is None:
        values = [backend.to_host(kernel.variable) for kernel in kernels]
        found = {
            str(i): w != 0
            for i, w in enumerate(values)
            if 0 < np.count_nonzero(w) < w.size
        }
        if not found:
            raise ValueError(
                f"Expected a pruned model, received `{model.name}`, whose "
                "kernels have no zeros: prune it first, with `SLRCallback` "
                "or `hard_prune`."
            )
        return found
    positions = {kernel.path: i for i, kernel in enumerate(kernels)}
    for path, mask in masks.items():
        if path not in positions:
            raise ValueError(
                "Expected masks by the paths of kernels, received one for "
                f"'{path}': the paths are {', '.join(positions)}."
            )
        shape = kernels[positions[path]].shape
        if np.shape(mask) != shape:
            raise ValueError(
                f"Expected a mask of shape {shape} for '{path}', received "
                f"one of shape {np.shape(mask)}: give it the kernel's shape."
            )
    return {
        str(positions[path]): np.asarray(mask) != 0
        for path, mask in masks.items()
    }
