"""The slices of an attention layer's weights that belong to each head."""

import dataclasses

import keras
import numpy as np
from keras import layers

from keras_slr.keras_internals.attention import gate_of
from keras_slr.keras_internals.attention import projection_names
from keras_slr.keras_internals.keras_hub import is_of_keras_hub
from keras_slr.keras_internals.layers import is_of_keras

# Attention layers, beside `MultiHeadAttention`, that mix nothing across heads
# before their output kernel; see `name_of`.
KNOWN = (
    "GroupedQueryAttention",
    "keras_hub/CachedMultiHeadAttention",
    "keras_hub/CachedGemmaAttention",
    "keras_hub/CachedMistralAttention",
    "keras_hub/LlamaAttention",
)


@dataclasses.dataclass(frozen=True)
class Slices:
    """How the heads lie in one weight of an attention layer.

    Attributes:
        variable: Keras variable.
        axis: Integer, the axis of the heads.
        units: Integer array, the unit of each position along the axis.
        role: String, see `groups.Member`.
    """

    variable: keras.Variable
    axis: int
    units: np.ndarray
    role: str


def name_of(operation):
    """Returns the name of the class of an operation that rules are known by.

    Returns:
        String: the class, with `keras_hub/` in front for KerasHub's; `None`
        for those of other packages than these two.
    """
    kind = getattr(operation, "narrowed", type(operation))
    if is_of_keras(kind):
        return kind.__name__
    if is_of_keras_hub(kind):
        return f"keras_hub/{kind.__name__}"
    return None


def is_attention(layer):
    """Returns whether the heads of a layer are known."""
    return isinstance(layer, layers.MultiHeadAttention) or (
        name_of(layer) in KNOWN
    )


def projections(attention):
    """Returns the query, key, value and output layers of an attention layer.

    Returns:
        List of `EinsumDense` layers; `None` if other parts of the layer may
        work on the heads too.
    """
    found = [
        getattr(attention, name, None) for name in projection_names(attention)
    ]
    plain = all(
        isinstance(dense, layers.EinsumDense) and len(dense.kernel.shape) == 3
        for dense in found
    )
    gated = gate_of(attention) is not None
    # Where the size of a head follows from their number, fewer would scale
    # the scores in another way.
    scaled = getattr(attention, "query_head_dim_normalize", True)
    return found if plain and scaled and not gated else None


def heads_axis(dense):
    """Returns the axis of a projection's kernel along which the heads lie."""
    left, output = dense.equation.replace(" ", "").split("->")
    term, kernel = left.split(",")
    is_output = len(set(kernel) & set(term)) == 2
    letters = term if is_output else output
    return kernel.index(next(c for c in letters if c in kernel))


def counts(attention):
    """Returns the numbers of query heads and of key and value heads."""
    query, _, value, _ = projections(attention)
    return tuple(
        dense.kernel.shape[heads_axis(dense)] for dense in (query, value)
    )


def slices_of(attention):
    """Returns how the heads lie in the weights of an attention layer.

    Query heads that share a key and value head are one unit. If all query
    heads share the only one, which has to stay, each query head is a unit.

    Args:
        attention: Built layer for which `projections` are known.

    Returns:
        List of `Slices`, of the value kernel first, or of the query kernel
        where the value kernel stays.
    """
    query, key, value, output = projections(attention)
    queries, pairs = counts(attention)
    shared = pairs == 1 and queries > 1
    units = np.arange(queries if shared else pairs)
    of_queries = np.repeat(units, queries // len(units))
    makers = [(query, of_queries)]
    if not shared:
        makers = [(value, units), *makers, (key, units)]
    found = []
    for dense, labels in makers:
        axis = heads_axis(dense)
        found.append(Slices(dense.kernel, axis, labels, "output"))
        if dense.bias is not None:
            found.append(Slices(dense.bias, 0, labels, "vector"))
    # A query of zeros still takes the mean of shared values: there the unit
    # is zero where the output kernel is.
    role = "output" if shared else "input"
    return [*found, Slices(output.kernel, heads_axis(output), of_queries, role)]
