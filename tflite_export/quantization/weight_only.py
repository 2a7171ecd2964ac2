"""Weights of 8 or 4 bits in a file that computes in floating point.

Each weight is followed by a DEQUANTIZE operation, as in files with float16
weights: kernels see floating-point numbers. The operation runs once, when the
file is loaded.
"""

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from tflite_export.explanation.gpu_ops import op_name
from tflite_export.flatbuffer import entries_of
from tflite_export.flatbuffer import is_weight
from tflite_export.quantization.grid_steps import grid_step

BITS = {"weights_int8": 8, "weights_int4": 4}
# The axis of the outputs, each of which has its own scale.
_OUTPUTS = {
    "CONV_2D": 0,
    "DEPTHWISE_CONV_2D": 3,
    "FULLY_CONNECTED": 0,
    "TRANSPOSE_CONV": 0,
}
# The version of DEQUANTIZE that supports scales by output, and 4 bits.
_VERSION = {8: 5, 4: 6}


def store_weights(model, bits):
    """Stores the weights of a file in integers, in place.

    Kernels of convolutions and Dense layers are rounded to the nearest of
    `2**bits - 1` multiples of a step, one step per output. Zeros stay zero.
    Outputs whose weights are such multiples already keep their step, and so
    their values.

    Args:
        model: `ModelT` of a dense file in float32.
        bits: Integer, 8 or 4.
    """
    code = None
    for graph in model.subgraphs:
        made, operators = {}, []
        for op in graph.operators:
            axis = _OUTPUTS.get(op_name(model, op))
            j = None if axis is None else int(op.inputs[1])
            if j is not None and _is_float(model, graph.tensors[j]):
                if code is None:
                    code = _add_code(model, bits)
                _store(model, graph.tensors[j], axis, bits)
                made[j] = len(graph.tensors)
                operators.append(_dequantize(graph, j, code))
            if j in made:
                op.inputs = np.array(op.inputs)
                op.inputs[1] = made[j]
            operators.append(op)
        graph.operators = operators


def _is_float(model, tensor):
    return (
        tensor.type == schema.TensorType.FLOAT32
        and tensor.sparsity is None
        and is_weight(model, tensor)
    )


def _store(model, tensor, axis, bits):
    w = np.moveaxis(entries_of(model, tensor).astype("float64"), axis, 0)
    rows = w.reshape(len(w), -1)
    largest = 2 ** (bits - 1) - 1
    steps = np.abs(rows).max(axis=1) / largest
    # Any step suits outputs that are all zero.
    steps = np.where(steps > 0, steps, 1.0).astype("float32")
    found = [grid_step(row, largest) for row in rows]
    steps = np.array(
        [s if own is None else own for s, own in zip(steps, found)], "float32"
    )
    rounded = np.round(rows / steps[:, None])
    rounded = np.clip(rounded, -largest, largest).astype("int8")
    entries = np.moveaxis(rounded.reshape(w.shape), 0, axis).ravel()
    quantization = schema.QuantizationParametersT()
    quantization.scale = steps
    quantization.zeroPoint = np.zeros(len(steps), "int64")
    quantization.quantizedDimension = axis
    tensor.quantization = quantization
    tensor.type = (
        schema.TensorType.INT4 if bits == 4 else schema.TensorType.INT8
    )
    buffer = model.buffers[tensor.buffer]
    if _is_shared(model, tensor):
        buffer = schema.BufferT()
        tensor.buffer = len(model.buffers)
        model.buffers.append(buffer)
    buffer.data = _packed(entries) if bits == 4 else entries.view("uint8")


def _is_shared(model, tensor):
    users = [t for g in model.subgraphs for t in g.tensors]
    return sum(t.buffer == tensor.buffer for t in users) > 1


def _packed(entries):
    """Packs two entries into a byte, the first in the lower half."""
    low, high = (
        np.append(entries, np.zeros(len(entries) % 2, "int8"))
        .reshape(-1, 2)
        .view("uint8")
        .T
    )
    return (low & 15) | ((high & 15) << 4)


def _add_code(model, bits):
    code = schema.OperatorCodeT()
    code.builtinCode = schema.BuiltinOperator.DEQUANTIZE
    code.deprecatedBuiltinCode = schema.BuiltinOperator.DEQUANTIZE
    code.version = _VERSION[bits]
    model.operatorCodes.append(code)
    return len(model.operatorCodes) - 1


def _dequantize(graph, j, code):
    """Adds a tensor of real weights and returns the operation for it."""
    weight = graph.tensors[j]
    tensor = schema.TensorT()
    tensor.shape = weight.shape
    tensor.type = schema.TensorType.FLOAT32
    tensor.name = weight.name + b"_real"
    tensor.buffer = 0
    graph.tensors.append(tensor)
    op = schema.OperatorT()
    op.opcodeIndex = code
    op.inputs = np.array([j], "int32")
    op.outputs = np.array([len(graph.tensors) - 1], "int32")
    return op
