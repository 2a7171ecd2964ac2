"""The layers of Keras that have kernels: which weights, of which family.

To support another layer of Keras in selection, in the count of
multiply-accumulates and in batch-norm folding, add it here.
"""

import enum

from keras import layers


class Family(enum.Enum):
    """What a kernel does; the order of its axes follows from it."""

    DENSE = "matrix product"
    EINSUM = "product by an einsum equation"
    CONVOLUTION = "convolution"
    TRANSPOSE = "transposed convolution"
    DEPTHWISE = "depthwise convolution"
    EMBEDDING = "embedding"
    RECURRENT = "step of a recurrent layer"


_SEPARABLE = {
    "depthwise_kernel": Family.DEPTHWISE,
    # The kernel that writes the outputs comes last.
    "pointwise_kernel": Family.CONVOLUTION,
}
_CELL = {"kernel": Family.RECURRENT, "recurrent_kernel": Family.RECURRENT}
KERNELS = {
    layers.Dense: {"kernel": Family.DENSE},
    layers.EinsumDense: {"kernel": Family.EINSUM},
    layers.Conv1D: {"kernel": Family.CONVOLUTION},
    layers.Conv2D: {"kernel": Family.CONVOLUTION},
    layers.Conv3D: {"kernel": Family.CONVOLUTION},
    layers.Conv1DTranspose: {"kernel": Family.TRANSPOSE},
    layers.Conv2DTranspose: {"kernel": Family.TRANSPOSE},
    layers.Conv3DTranspose: {"kernel": Family.TRANSPOSE},
    layers.DepthwiseConv1D: {"kernel": Family.DEPTHWISE},
    layers.DepthwiseConv2D: {"kernel": Family.DEPTHWISE},
    layers.SeparableConv1D: _SEPARABLE,
    layers.SeparableConv2D: _SEPARABLE,
    layers.Embedding: {"embeddings": Family.EMBEDDING},
    layers.SimpleRNNCell: _CELL,
    layers.GRUCell: _CELL,
    layers.LSTMCell: _CELL,
    # Keras does not export the cell of its ConvLSTM layers.
    "ConvLSTMCell": _CELL,
}


def kernel_families(layer):
    """Returns the kernels of a layer.

    Args:
        layer: Keras layer, also of a subclass of a known layer.

    Returns:
        Dict from the name of a kernel to its `Family`; empty if the layer is
        unknown.
    """
    for known in type(layer).__mro__:
        found = KERNELS.get(known) or KERNELS.get(known.__name__)
        if found is not None:
            return found
    return {}
