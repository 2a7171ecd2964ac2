"""Reading and writing TFLite files, and the weights in them."""

import pathlib
import struct

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

from tflite_export.conversion.conversion import Weight
from tflite_export.sparse.sparse_encoding import decode

# The types that weights are stored in.
DTYPES = {
    schema.TensorType.FLOAT16: np.dtype("float16"),
    schema.TensorType.FLOAT32: np.dtype("float32"),
    schema.TensorType.INT4: np.dtype("int8"),
    schema.TensorType.INT8: np.dtype("int8"),
    schema.TensorType.INT16: np.dtype("int16"),
}
_FLOATS = (schema.TensorType.FLOAT16, schema.TensorType.FLOAT32)
_ALIGNMENT = 16
_STARTING = {
    schema.BuiltinOperator.WHILE,
    schema.BuiltinOperator.ASSIGN_VARIABLE,
}


def read(path):
    """Reads a TFLite file.

    Args:
        path: String or path of the file.

    Returns:
        `ModelT` of TFLite's schema.

    Raises:
        ValueError: If it is not a TFLite file, or is cut short.
    """
    content = pathlib.Path(path).read_bytes()
    try:
        fits = schema.Model.ModelBufferHasIdentifier(content, 0)
        root = fits and schema.Model.GetRootAs(content, 0)
        model = fits and schema.ModelT.InitFromObj(root)
    # Raised by offsets that point outside the file.
    except (IndexError, TypeError, ValueError, struct.error):
        fits = False
    if not fits:
        raise ValueError(
            f"Expected a TFLite file, received {path}, which is not one or "
            "is cut short: write one with `tflite_export.convert`."
        )
    for buffer in model.buffers:
        # Files too large for a flatbuffer keep the data after it.
        if buffer.offset > 1:
            data = content[buffer.offset : buffer.offset + buffer.size]
            buffer.data = np.frombuffer(data, "uint8")
            buffer.offset = buffer.size = 0
    return model


def write(model, path):
    """Writes a `ModelT` as a TFLite file.

    Args:
        model: `ModelT` of TFLite's schema.
        path: String or path of the file.
    """
    builder = _Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    pathlib.Path(path).write_bytes(builder.Output())


class _Builder(flatbuffers.Builder):
    """Aligns the data of tensors as the schema requires.

    Python's builder does not. Vectors of bytes that are not text are always
    data of tensors.
    """

    def StartVector(self, elemSize, numElems, alignment):
        if elemSize == 1:
            alignment = _ALIGNMENT
        return super().StartVector(elemSize, numElems, alignment)


def weight_tensors(model):
    """Lists the weight tensors of a model.

    These are the constant tensors of two axes or more with floating-point or
    quantized entries. Biases, scales and other vectors are left out, and so
    are the zeros with which loops and variables start.

    Args:
        model: `ModelT` of TFLite's schema.

    Returns:
        List of `TensorT`, in the order of the file.
    """
    return [
        tensor
        for graph in model.subgraphs
        for i, tensor in enumerate(graph.tensors)
        if is_weight(model, tensor) and not _is_start(model, graph, i)
    ]


def _is_start(model, graph, index):
    """Returns whether a constant is the initial zeros of a loop or variable.

    Args:
        model: `ModelT` of TFLite's schema.
        graph: `SubGraphT`, one of its graphs.
        index: Integer, the index of a weight among the tensors of the graph.
    """
    consumers = _consumers(model, graph, index)
    return (
        bool(consumers)
        and consumers.issubset(_STARTING)
        and zeros_of(model, graph.tensors[index]).all()
    )


def _consumers(model, graph, index):
    """Returns the codes of the operations that read a tensor, once unpacked."""
    found = set()
    for op in graph.operators:
        if index in op.inputs:
            code = model.operatorCodes[op.opcodeIndex].builtinCode
            if code == schema.BuiltinOperator.DEQUANTIZE:
                found |= _consumers(model, graph, int(op.outputs[0]))
            else:
                found.add(code)
    return found


def is_weight(model, tensor):
    """Returns whether a `TensorT` of a model is a weight."""
    data = model.buffers[tensor.buffer].data
    return (
        data is not None
        and len(data) > 0
        and tensor.type in DTYPES
        and len(_shape(tensor)) >= 2
        and (tensor.type in _FLOATS or _scale(tensor) is not None)
    )


def entries_of(model, tensor):
    """Reads the entries of a weight as they are stored, decoded if sparse.

    Args:
        model: `ModelT` of TFLite's schema.
        tensor: `TensorT`, one of its weights.

    Returns:
        Array of the tensor's shape and type; 4-bit integers as `int8`.
    """
    data = np.asarray(model.buffers[tensor.buffer].data, "uint8")
    if tensor.type == schema.TensorType.INT4:
        # Two signed entries per byte, the first in the lower half.
        pairs = data.view("int8")
        values = np.stack([pairs << 4 >> 4, pairs >> 4], axis=1).ravel()
    else:
        values = np.frombuffer(data.tobytes(), DTYPES[tensor.type])
    shape = _shape(tensor)
    if tensor.sparsity is not None:
        return decode(values, tensor.sparsity, shape)
    return values[: np.prod(shape)].reshape(shape)


def zeros_of(model, tensor):
    """Finds the entries of a weight that represent exactly zero.

    Args:
        model: `ModelT` of TFLite's schema.
        tensor: `TensorT`, one of its weights.

    Returns:
        Array of booleans of the tensor's shape.
    """
    entries = entries_of(model, tensor)
    if _scale(tensor) is None:
        return entries == 0
    points = np.asarray(tensor.quantization.zeroPoint)
    if points.size > 1:
        shape = [1] * entries.ndim
        shape[tensor.quantization.quantizedDimension] = -1
        points = points.reshape(shape)
    return entries == points


def weights_of(path):
    """Lists the weights of a TFLite file.

    Args:
        path: String or path of the file.

    Returns:
        List of `Weight`, in the order of the file.

    Raises:
        ValueError: If it is not a TFLite file.
    """
    model = read(path)
    return [
        Weight(
            name=tensor.name.decode(),
            shape=_shape(tensor),
            dtype=_type_name(tensor),
            zeros=int(np.count_nonzero(zeros_of(model, tensor))),
            encoding=_encoding(tensor),
        )
        for tensor in weight_tensors(model)
    ]


def _shape(tensor):
    return () if tensor.shape is None else tuple(int(n) for n in tensor.shape)


def _scale(tensor):
    return None if tensor.quantization is None else tensor.quantization.scale


def _type_name(tensor):
    if tensor.type == schema.TensorType.INT4:
        return "int4"
    return DTYPES[tensor.type].name


def _encoding(tensor):
    if tensor.sparsity is None:
        return "dense"
    blocks = tensor.sparsity.blockMap
    return "sparse" if blocks is None or not len(blocks) else "sparse blocks"
