"""Weights of files, from tensors written by hand."""

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from tflite_export.flatbuffer import entries_of
from tflite_export.flatbuffer import read
from tflite_export.flatbuffer import weights_of
from tflite_export.flatbuffer import write

pytestmark = pytest.mark.once("looks at files")

TYPE = schema.TensorType


def model_of(data, shape, type, quantization=None):
    tensor = schema.TensorT(
        shape=list(shape),
        type=type,
        buffer=1,
        name=b"w",
        quantization=quantization,
    )
    data = np.frombuffer(data.tobytes(), "uint8")
    return schema.ModelT(
        version=3,
        operatorCodes=[],
        subgraphs=[
            schema.SubGraphT(
                tensors=[tensor], inputs=[], outputs=[], operators=[]
            )
        ],
        buffers=[schema.BufferT(), schema.BufferT(data=data)],
    )


def quantization(points, axis=0):
    return schema.QuantizationParametersT(
        scale=np.ones(len(points), "float32"),
        zeroPoint=np.array(points, "int64"),
        quantizedDimension=axis,
    )


@pytest.mark.parametrize(
    "type, dtype, points, axis, zeros",
    [
        (TYPE.FLOAT32, "float32", None, 0, 1),
        (TYPE.FLOAT16, "float16", None, 0, 1),
        (TYPE.INT8, "int8", [0], 0, 1),
        (TYPE.INT8, "int8", [2], 0, 2),
        # 3 in the first row, 2 in the second; 0 and 2 and 0 in the columns.
        (TYPE.INT16, "int16", [3, 2], 0, 1),
        (TYPE.INT8, "int8", [0, 2, 0], 1, 3),
    ],
)
def test_zeros_are_equal_to_the_zero_point(
    type, dtype, points, axis, zeros, tmp_path
):
    entries = np.array([[0, 2, 1], [-4, 2, 5]], dtype)
    path = tmp_path / "model.tflite"
    given = points and quantization(points, axis)
    write(model_of(entries, (2, 3), type, given), path)
    (weight,) = weights_of(path)
    assert (weight.name, weight.shape) == ("w", (2, 3))
    assert (weight.dtype, weight.zeros) == (dtype, zeros)
    assert weight.encoding == "dense"
    model = read(path)
    found = entries_of(model, model.subgraphs[0].tensors[0])
    np.testing.assert_array_equal(found, entries)


def test_four_bits(tmp_path):
    # 7 and -8, 0 and -1, 3 and padding: the first in the lower half.
    data = np.array([0x87, 0xF0, 0x03], "uint8")
    path = tmp_path / "model.tflite"
    write(model_of(data, (1, 5), TYPE.INT4, quantization([0])), path)
    model = read(path)
    found = entries_of(model, model.subgraphs[0].tensors[0])
    assert found.tolist() == [[7, -8, 0, -1, 3]]
    (weight,) = weights_of(path)
    assert (weight.dtype, weight.zeros) == ("int4", 1)


@pytest.mark.parametrize("count", [16, 17, 22, 27])
def test_data_is_aligned(count, tmp_path):
    """As the schema asks, so that runtimes may read it where it lies."""
    path = tmp_path / "model.tflite"
    entries = np.full((1, count), 0x5A, "int8")
    model = model_of(entries, entries.shape, TYPE.INT8, quantization([0]))
    write(model, path)
    assert path.read_bytes().index(b"\x5a" * count) % 16 == 0


def test_not_a_tflite_file(tmp_path):
    path = tmp_path / "model.tflite"
    path.write_bytes(b"nothing of the kind")
    with pytest.raises(ValueError, match="a TFLite file, received .*model"):
        read(path)
