"""Facts about kernels of a Keras model that decide on sparse inference."""

import dataclasses
import math

import numpy as np
from keras import layers

from keras_slr import backend
from keras_slr.models.graph import graph_of
from keras_slr.models.multiply_accumulates import products_of
from keras_slr.planning.targets import is_convolution
from keras_slr.planning.targets import is_pointwise
from keras_slr.selection import Reason
from keras_slr.selection.kernels import weights_of
from keras_slr.shrinking.removable_units import plan
from keras_slr.shrinking.trace import OUTPUT
from keras_slr.structures import Block

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
# Key: whether the kernel is depthwise.
_NO_UNITS = {
    False: "`keras_slr.shrink` does not know units of this layer",
    True: "it reads no filters that can go",
}


@dataclasses.dataclass(frozen=True)
class KernelFacts:
    """The shape, zeros and work of a kernel.

    Attributes:
        layer: String, the name of the layer, with that of the kernel where
            the layer has several.
        op: String, the layer's class, with its stride.
        kind: String, one of `ANY`.
        shape: Tuple of integers.
        zeros: Float, the share of entries that are zero.
        zero_blocks: Float, the share of blocks of four inputs of one output
            that are zero; `None` where blocks do not fit in.
        cut: Float, the share of its multiply-accumulates, or of its entries
            where those are not known, that `keras_slr.shrink` would remove
            as the model stands.
        whole: String, why pruning cannot take filters out of it, or `None`.
        trainable: Boolean, whether it can be pruned at all.
        positions: Integer, how often it is applied to one input; `1` where
            that is not known.
        macs: Integer, the multiply-accumulates with it for one input, or
            `None` where they are not known.
    """

    layer: str
    op: str
    kind: str
    shape: tuple
    zeros: float
    zero_blocks: float | None
    cut: float
    whole: str | None
    trainable: bool
    positions: int
    macs: int | None

    @property
    def size(self):
        return int(np.prod(self.shape))


def kernels_of(model):
    """Lists the kernels of a model.

    Args:
        model: Built Keras model.

    Returns:
        List of `KernelFacts`, in the order of the model's weights.
    """
    cut = None if graph_of(model) is None else plan(model)
    products = _products(model)
    return [
        _kernel(model, weight, cut, products.get(id(weight.variable), []))
        for weight in weights_of(model)
        if weight.default not in _NOT_MULTIPLIED
        and not isinstance(weight.layer, layers.Embedding)
    ]


def _products(model):
    """Returns lists of `Product` by the ids of kernels, in order of calls."""
    found = {}
    if graph_of(model) is None:
        return found
    try:
        for product in products_of(model):
            found.setdefault(id(product.kernel), []).append(product)
    except ValueError:  # The size of some inputs is unknown.
        return {}
    return found


def _kernel(model, weight, cut, products):
    w = np.asarray(backend.to_host(weight.variable), "float32")
    zero_blocks = None
    if _BLOCK.refusal(weight) is None:
        zero_blocks = float(np.mean(_BLOCK.scores(np, [w], weight) == 0))
    name = weight.path.removeprefix(f"{model.name}/").removesuffix("/kernel")
    kind = _kind(weight)
    return KernelFacts(
        layer=name,
        op=_op(weight.layer),
        kind=kind,
        shape=weight.shape,
        zeros=1.0 - np.count_nonzero(w) / w.size,
        zero_blocks=zero_blocks,
        cut=_cut_share(cut, weight.variable, products),
        whole=_whole(cut, weight.variable, kind),
        trainable=weight.variable.trainable,
        positions=products[0].positions if products else 1,
        macs=sum(p.macs for p in products) if products else None,
    )


def _cut_share(cut, variable, products):
    """Returns the share of a kernel's work that `shrink` removes."""
    if cut is None:
        return 0.0
    axes = range(len(variable.shape))
    # Without products, each entry counts once.
    works = [(p.positions, p.axes or axes) for p in products] or [(1, axes)]
    widths = [cut.width(variable, axis) for axis in axes]
    before, after = (
        sum(
            positions * math.prod(sizes[a] for a in used)
            for positions, used in works
        )
        for sizes in (variable.shape, widths)
    )
    return 1.0 - after / before


def _whole(cut, variable, kind):
    """Returns why no filter can be pruned and cut out, or `None`."""
    if cut is None:
        return "the graph of the model is not known"
    # A depthwise kernel loses the filters that the convolution before it loses.
    groups = [
        group
        for group in cut.partition.groups
        for member in group.members
        if member.variable is variable
        and (member.role == OUTPUT or kind == DEPTHWISE)
    ]
    reasons = [_reason(group) for group in groups]
    if None in reasons:
        return None
    return reasons[0] if reasons else _NO_UNITS[kind == DEPTHWISE]


def _reason(group):
    if group.reason is not None:
        return group.reason
    if group.size == 1:
        return "the layer has a single one"
    makers = [m.variable for m in group.members if m.role == OUTPUT]
    if not all(variable.trainable for variable in makers):
        return Reason.FROZEN.value
    return None


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
