"""TFLite's sparse encoding of one tensor, both ways.

The format is that of `SparsityParameters` in TFLite's schema: the axes of a
tensor, and of blocks inside them, in an order of traversal, each either dense
or a list of the stored positions (TACO's formats,
https://arxiv.org/abs/1804.10112).
"""

import numpy as np
from ai_edge_litert import schema_py_generated as schema

# Width of a block along the input axis of a Dense kernel, as TFLite's own
# sparse kernel for float32 requires it.
BLOCK = 4
_VECTORS = (
    ("uint8", schema.SparseIndexVector.Uint8Vector, schema.Uint8VectorT),
    ("uint16", schema.SparseIndexVector.Uint16Vector, schema.Uint16VectorT),
    ("int32", schema.SparseIndexVector.Int32Vector, schema.Int32VectorT),
)


def encode(dense, block=1):
    """Encodes the last axis of a tensor as the positions of its non-zeros.

    Args:
        dense: Array of two axes or more; for blocks, of exactly two.
        block: Integer, the number of neighbouring entries that are stored
            together when one of them is not zero; it divides the last axis.
            Defaults to `1`.

    Returns:
        `(values, sparsity)`: the array of the stored entries, of shape
        `(n,)`, and its `SparsityParametersT`.

    Raises:
        ValueError: If the shape does not suit the blocks.
    """
    *outer, last = dense.shape
    if last % block or (block > 1 and dense.ndim != 2):
        raise ValueError(
            f"Expected a matrix whose rows divide by {block}, received shape "
            f"{dense.shape}: encode it without blocks."
        )
    blocks = dense.reshape(-1, last // block, block)
    kept = (blocks != 0).any(axis=-1)
    counts = kept.sum(axis=1)
    order = list(range(dense.ndim))
    axes = [_dense_axis(n) for n in outer]
    axes.append(_sparse_axis(np.append(0, np.cumsum(counts)), kept))
    if block > 1:
        order.append(dense.ndim)
        axes.append(_dense_axis(block))
    sparsity = schema.SparsityParametersT(
        traversalOrder=np.array(order, "int32"),
        blockMap=np.array([dense.ndim - 1] if block > 1 else [], "int32"),
        dimMetadata=axes,
    )
    return blocks[kept].ravel(), sparsity


def decode(values, sparsity, shape):
    """Rebuilds a tensor from any encoding of the format.

    Args:
        values: Array of shape `(n,)`, the stored entries.
        sparsity: `SparsityParametersT` of the tensor.
        shape: Tuple of integers, the shape of the tensor.

    Returns:
        Array of that shape, zero where nothing is stored.
    """
    order = [int(axis) for axis in sparsity.traversalOrder]
    sizes = {}
    # Positions along the axes traversed so far, one column per stored node.
    nodes = np.zeros((0, 1), "int64")
    for axis, meta in zip(order, sparsity.dimMetadata):
        parents = nodes.shape[1]
        if meta.format == schema.DimensionType.DENSE:
            sizes[axis] = int(meta.denseSize)
            counts = np.full(parents, sizes[axis])
            positions = np.tile(np.arange(sizes[axis]), parents)
        else:
            counts = np.diff(np.asarray(meta.arraySegments.values, "int64"))
            positions = np.asarray(meta.arrayIndices.values, "int64")
        nodes = np.vstack([np.repeat(nodes, counts, axis=1), positions])
    along = dict(zip(order, nodes))
    blocks = [] if sparsity.blockMap is None else sparsity.blockMap
    for i, axis in enumerate(blocks):
        inner = len(shape) + i
        along[axis] = along[axis] * sizes[inner] + along[inner]
    dense = np.zeros(shape, values.dtype)
    dense[tuple(along[axis] for axis in range(len(shape)))] = values
    return dense


def _dense_axis(size):
    return schema.DimensionMetadataT(
        format=schema.DimensionType.DENSE, denseSize=int(size)
    )


def _sparse_axis(segments, kept):
    meta = schema.DimensionMetadataT(format=schema.DimensionType.SPARSE_CSR)
    meta.arraySegmentsType, meta.arraySegments = _vector(segments)
    meta.arrayIndicesType, meta.arrayIndices = _vector(np.nonzero(kept)[1])
    return meta


def _vector(numbers):
    largest = int(numbers.max(initial=0))
    for dtype, kind, vector in _VECTORS:
        if largest <= np.iinfo(dtype).max:
            return kind, vector(values=numbers.astype(dtype))
