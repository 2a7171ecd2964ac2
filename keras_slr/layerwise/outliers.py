"""Rates by outliers of the activations, for `allocation="owl"`."""

import numpy as np

from keras_slr.allocation.owl import outlier_share
from keras_slr.allocation.owl import owl
from keras_slr.backend import to_host
from keras_slr.layerwise.memory import check_memory
from keras_slr.structures.constraint import numbered

NAME = "owl"


def owl_allocation(constraints, run):
    """Returns an allocation that knows the inputs of each kernel.

    Args:
        constraints: List of `Constraint`, on the kernels to be allocated.
        run: `Run`, before anything is pruned.

    Returns:
        Function like those in `keras_slr.allocation.allocations`.
    """
    weights, *_ = numbered(constraints)
    check_memory(weights, "allocation='uniform'")
    variables = {weight.path: weight.variable for weight in weights}
    inputs = run.collect(list(variables.values()))
    outliers = {
        path: _outliers(variable, inputs[id(variable)])
        for path, variable in variables.items()
    }

    def allocation(shares, rate):
        return owl(
            [outliers[share.path] for share in shares],
            [share.size for share in shares],
            rate,
        )

    return allocation


def _outliers(variable, inputs):
    moments = inputs.moments.whole()
    diagonal = np.diagonal(moments.gram, axis1=1, axis2=2) / moments.rows
    kernel = inputs.layout.to_matrices(to_host(variable))
    return outlier_share([kernel], [diagonal])
