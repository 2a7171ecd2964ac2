"""A coreset of the neurons of a Dense layer, see `units.coreset`."""

import numpy as np
from keras import layers
from keras import ops

from keras_slr.backend import to_host
from keras_slr.layerwise import units


def sampled(constraint, readers, seed):
    """Samples neurons under a constraint.

    Args:
        constraint: `Constraint` on coupled units.
        readers: List of `unit_choice.Reader`, the kernels that read them.
        seed: Integer.

    Returns:
        Tuple of the kept units, an integer array, and an array of the factors
        of the weights that read them.

    Raises:
        ValueError: If the units are not the neurons of one Dense layer that
            one other Dense layer reads.
    """
    kernels = [w for w in constraint.weights if len(w.shape) > 1]
    involved = [*kernels, *(reader.weight for reader in readers)]
    if (
        len(kernels) != 1
        or len(readers) != 1
        or not all(
            isinstance(weight.layer, layers.Dense) for weight in involved
        )
    ):
        raise ValueError(
            "Expected neurons of one Dense layer that one other Dense layer "
            "reads, of which a coreset can be sampled. Received units of "
            f"{', '.join(f'`{w.path}`' for w in involved)}: use "
            "method='greedy', or `include` other layers."
        )
    (weight,) = kernels
    layer = weight.layer
    bias = np.zeros(layer.units) if layer.bias is None else to_host(layer.bias)
    points = np.column_stack([to_host(layer.kernel).T, bias])
    count = constraint.count(constraint.rate)
    if count == constraint.units:
        return np.arange(count), np.ones(count)
    return units.coreset(
        points,
        to_host(readers[0].weight.variable),
        count,
        lambda x: ops.convert_to_numpy(layer.activation(ops.array(x))),
        seed=seed,
    )
