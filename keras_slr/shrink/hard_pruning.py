"""Pruning of whole units by their norm in one step, without training."""

import numpy as np

from keras_slr.allocation import check_rate
from keras_slr.projections import keep_count
from keras_slr.shrink.groups import dependency_groups
from keras_slr.shrink.groups import unit_norms
from keras_slr.shrink.groups import zero_units


def hard_prune_groups(model, rate):
    """Sets the smallest units of every group to zero, in place.

    Of each group that can be cut, `n - round(rate n)` units stay, at least
    one: those of largest norm, ties by the lowest index. `shrink` cuts the
    others out.

    Args:
        model: Built Functional or Sequential model.
        rate: Float in `[0, 1)`, the share of units to set to zero.

    Returns:
        List of `Group`, those that were pruned.

    Raises:
        TypeError: If the model is not a Keras 3 model.
        ValueError: If the model is not built, its graph is not known or the
            rate is invalid.
    """
    check_rate(rate)
    groups = [g for g in dependency_groups(model) if g.reason is None]
    # All norms are taken first: zeros of one group lie in kernels of others.
    norms = [unit_norms(group) for group in groups]
    for group, norm in zip(groups, norms):
        order = np.argsort(-norm, kind="stable")
        zero_units(group, order[keep_count(group.size, rate) :])
    return groups
