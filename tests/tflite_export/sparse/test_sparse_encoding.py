"""One tensor to TFLite's sparse encoding and back."""

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from tflite_export.sparse.sparse_encoding import decode
from tflite_export.sparse.sparse_encoding import encode

pytestmark = pytest.mark.once("looks at files")


@st.composite
def tensors(draw):
    """Arrays of two to four axes with any share of zeros, and a block."""
    block = draw(st.sampled_from([1, 4]))
    outer = draw(st.lists(st.integers(1, 5), min_size=1, max_size=3))
    # From 65 positions on with blocks, and 257 without, indices take more
    # than a byte.
    last = draw(st.sampled_from([1, 2, 7, 90, 300])) * block
    if block > 1:
        outer = outer[:1]
    dtype = draw(st.sampled_from(["float32", "float16", "int8", "int16"]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    dense = rng.integers(-100, 100, (*outer, last)).astype(dtype)
    rate = draw(st.sampled_from([0.0, 0.5, 0.95, 1.0]))
    return np.where(rng.random(dense.shape) < rate, 0, dense), block


@settings(deadline=None, max_examples=200)
@given(tensors())
def test_decoding_gives_the_tensor_back(drawn):
    dense, block = drawn
    dense = dense.copy()
    values, sparsity = encode(dense, block)
    decoded = decode(values, sparsity, dense.shape)
    assert decoded.dtype == dense.dtype
    np.testing.assert_array_equal(decoded, dense)
    kept = sum(
        dense.ravel()[i : i + block].any() for i in range(0, dense.size, block)
    )
    assert values.size == kept * block


def test_fields_by_hand():
    dense = np.array([[0, 0, 5], [0, 0, 0], [7, 0, 9]], "float32")
    values, sparsity = encode(dense)
    assert values.tolist() == [5, 7, 9]
    assert list(sparsity.traversalOrder) == [0, 1]
    assert len(sparsity.blockMap) == 0
    rows, columns = sparsity.dimMetadata
    assert (rows.format, rows.denseSize) == (schema.DimensionType.DENSE, 3)
    assert columns.format == schema.DimensionType.SPARSE_CSR
    assert columns.arraySegments.values.tolist() == [0, 1, 1, 3]
    assert columns.arrayIndices.values.tolist() == [2, 0, 2]
    assert columns.arrayIndicesType == schema.SparseIndexVector.Uint8Vector

    blocks = np.zeros((2, 8), "float32")
    blocks[1, 5] = 3
    values, sparsity = encode(blocks, 4)
    assert values.tolist() == [0, 3, 0, 0]
    assert list(sparsity.traversalOrder) == [0, 1, 2]
    assert list(sparsity.blockMap) == [1]
    _, columns, inside = sparsity.dimMetadata
    assert columns.arraySegments.values.tolist() == [0, 0, 1]
    assert columns.arrayIndices.values.tolist() == [1]
    assert (inside.format, inside.denseSize) == (schema.DimensionType.DENSE, 4)


def test_decodes_what_it_does_not_encode():
    """A 4x4 matrix of 2x2 blocks, walked by columns of blocks first."""
    sparse = schema.DimensionMetadataT(
        format=schema.DimensionType.SPARSE_CSR,
        arraySegments=schema.Uint8VectorT(values=np.array([0, 1, 2], "uint8")),
        arrayIndices=schema.Uint8VectorT(values=np.array([1, 0], "uint8")),
    )
    two = schema.DimensionMetadataT(
        format=schema.DimensionType.DENSE, denseSize=2
    )
    sparsity = schema.SparsityParametersT(
        traversalOrder=np.array([1, 0, 3, 2], "int32"),
        blockMap=np.array([0, 1], "int32"),
        dimMetadata=[two, sparse, two, two],
    )
    values = np.arange(1, 9, dtype="int8")
    # Block column 0 holds block row 1, block column 1 block row 0; inside,
    # columns come before rows.
    expected = [[0, 0, 5, 7], [0, 0, 6, 8], [1, 3, 0, 0], [2, 4, 0, 0]]
    assert decode(values, sparsity, (4, 4)).tolist() == expected


def test_shape_that_blocks_do_not_suit():
    with pytest.raises(ValueError, match="divide by 4, received shape"):
        encode(np.zeros((3, 6)), 4)
