"""The kernels of a Keras model, as runtimes tell them apart."""

import dataclasses

import numpy as np
from keras import layers

from keras_slr.graph import graph_of
from keras_slr.products import products_of
from keras_slr.selection import Reason
from keras_slr.selection.kernels import weights_of
from keras_slr.shrink import dependency_groups
from keras_slr.structures import Block
from keras_slr.targets import is_convolution
from keras_slr.targets import is_pointwise
from keras_slr.training import backend

POINTWISE = "1x1 convolution"
CONVOLUTION = "convolution"
DEPTHWISE = "depthwise convolution"
DENSE = "Dense"
OTHER = "other"
ANY = (POINTWISE, CONVOLUTION, DEPTHWISE, DENSE, OTHER)

_NOT_MULTIPLIED = (
    Reason.VECTOR,
    Reason.UNKNOWN,
    Reason.NOT_FLOAT,
    Reason.SCALE,
)
_BLOCK = Block((4, 1))


@dataclasses.dataclass(frozen=True)
class Kernel:
    """What stands in a kernel.

    Attributes:
        layer: String, the name of the layer, with that of the kernel where
            the layer has several.
        op: String, the layer's class, with its stride.
        kind: String, one of `ANY`.
        shape: Tuple of integers.
        zeros: Float, the share of entries that are zero.
        zero_blocks: Float, the share of blocks of four inputs of one output
            that are zero; `None` where blocks do not fit in.
        zero_filters: Integer, the number of its filters that are all zero.
        whole: String, why its filters cannot be cut out, or `None`.
        places: Integer, how often it is applied to one input; `1` where that
            is not known.
    """

    layer: str
    op: str
    kind: str
    shape: tuple
    zeros: float
    zero_blocks: float | None
    zero_filters: int
    whole: str | None
    places: int

    @property
    def size(self):
        return int(np.prod(self.shape))


def kernels_of(model):
    """Lists the kernels that a model multiplies with.

    Args:
        model: Built Keras model.

    Returns:
        List of `Kernel`, in the order of the model's weights.
    """
    whole, places = _uncut(model), _places(model)
    return [
        _kernel(
            model,
            weight,
            whole.get(id(weight.variable)),
            places.get(id(weight.variable), 1),
        )
        for weight in weights_of(model)
        if weight.default not in _NOT_MULTIPLIED
        and not isinstance(weight.layer, layers.Embedding)
    ]


def _uncut(model):
    """Returns why kernels have filters that cannot go, by their ids."""
    if graph_of(model) is None:
        return {}
    return {
        id(member.variable): group.reason
        for group in dependency_groups(model)
        for member in group.members
        if group.reason is not None and member.role == "output"
    }


def _places(model):
    """Returns how often kernels are applied to one input, by their ids."""
    if graph_of(model) is None:
        return {}
    try:
        return {id(p.kernel): p.places for p in products_of(model)}
    except ValueError:  # Of inputs whose size is open.
        return {}


def _kernel(model, weight, whole, places):
    w = np.asarray(backend.to_host(weight.variable), "float32")
    dead = 0
    if weight.axes is not None:
        matrix = weight.axes.to_matrix(np, w)
        dead = len(matrix) - np.count_nonzero(matrix.any(axis=(1, 2)))
    zero_blocks = None
    if _BLOCK.refusal(weight) is None:
        zero_blocks = float(np.mean(_BLOCK.scores(np, [w], weight) == 0))
    name = weight.path.removeprefix(f"{model.name}/").removesuffix("/kernel")
    return Kernel(
        layer=name,
        op=_op(weight.layer),
        kind=_kind(weight),
        shape=weight.shape,
        zeros=1.0 - np.count_nonzero(w) / w.size,
        zero_blocks=zero_blocks,
        zero_filters=dead,
        whole=whole,
        places=places,
    )


def _op(layer):
    strides = getattr(layer, "strides", ())
    stride = f" /{max(strides)}" if strides and max(strides) > 1 else ""
    return type(layer).__name__ + stride


def _kind(weight):
    if is_pointwise(weight):
        return POINTWISE
    if weight.axes is not None and not weight.axes.inputs:
        return DEPTHWISE
    if is_convolution(weight):
        return CONVOLUTION
    if isinstance(weight.layer, layers.Dense):
        return DENSE
    return OTHER
