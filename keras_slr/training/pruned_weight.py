"""One pruned weight and the variables that stand for its `Z` and `Lam`."""

import dataclasses

import keras

from keras_slr.keras_internals.variables import layout_of
from keras_slr.selection.kernels import Weight


@dataclasses.dataclass
class PrunedWeight:
    """One weight of a run and its slots.

    Attributes:
        weight: `selection.kernels.Weight`.
        rate: Float, the requested pruning rate.
        w: Keras variable `W`.
        a: Keras variable `Z` or `R`, float32, see `solvers.forms`.
        c: Keras variable `C`, float32.
    """

    weight: Weight
    rate: float
    w: keras.Variable
    a: keras.Variable
    c: keras.Variable


def add_slots(optimizer, weight, rate):
    """Returns the `PrunedWeight` of a weight, with new slots.

    Args:
        optimizer: Keras optimizer that gets the slots.
        weight: `selection.kernels.Weight`.
        rate: Float, the requested pruning rate.
    """
    variable = weight.variable
    return PrunedWeight(
        weight,
        rate,
        w=variable,
        a=_add_slot(optimizer, variable, "slr_a"),
        c=_add_slot(optimizer, variable, "slr_c"),
    )


def _add_slot(optimizer, variable, name):
    # In float32 whatever the weight's precision: sums of many small steps
    # would be lost in a half-precision multiplier.
    return optimizer.add_variable(
        variable.shape,
        dtype="float32",
        name=f"{variable.path.replace('/', '_')}_{name}",
        layout=layout_of(variable),
    )


def paired(slots, masks):
    """Returns pairs of a slot and its mask, or `None` if there are no masks."""
    return zip(slots, masks or [None] * len(slots))
