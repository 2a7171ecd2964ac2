"""Batch-norm statistics that follow what pruning changed in their inputs."""

import numpy as np


def matched(mean, variance, dense, pruned):
    """Returns moving statistics for the pruned model.

    They keep how the moving statistics relate to those of the calibration
    samples. Renewing the statistics from a few hundred samples outright would
    cost accuracy even in the dense model.

    Args:
        mean: Array `(channels,)`, the moving mean of the dense model.
        variance: Array like `mean`.
        dense: Pair of arrays, mean and variance of the layer's inputs on the
            calibration samples in the dense model.
        pruned: Pair of arrays, those in the pruned model.

    Returns:
        Two arrays: the moving mean and variance.
    """
    mean_dense, variance_dense = dense
    mean_pruned, variance_pruned = pruned
    constant = variance_dense <= 0.0
    ratio = np.where(
        constant,
        1.0,
        variance_pruned / np.where(constant, 1.0, variance_dense),
    )
    shift = (mean - mean_dense) * np.sqrt(ratio)
    return mean_pruned + shift, variance * ratio
