"""Grids of weights in files that compute with integers.

The converter divides the largest weight of each output by 127. Weights that are
on a grid already keep their own step instead, and so their values.
"""

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from tflite_export.flatbuffer import entries_of
from tflite_export.flatbuffer import weight_tensors
from tflite_export.quantization.grid_steps import grid_step

_LARGEST = 127
# The place of the bias among the inputs of operations with weights.
_BIAS = 2


def carry_grids(before, after):
    """Stores weights that are on a grid with the step of the grid, in place.

    Weights whose outputs share one scale in the file keep theirs, unless they
    have one step in the model, too.

    Args:
        before: `ModelT` of the file in float32.
        after: `ModelT` of the quantized file.

    Returns:
        Boolean, whether there are such weights.
    """
    carried = False
    known = {t.name: entries_of(before, t) for t in weight_tensors(before)}
    for graph in after.subgraphs:
        for index, tensor in enumerate(graph.tensors):
            values = known.get(tensor.name)
            if values is not None and _is_int8(tensor, values):
                carried |= _carry(after, graph, index, values)
    return carried


def _is_int8(tensor, values):
    return (
        tensor.type == schema.TensorType.INT8
        and tuple(tensor.shape) == values.shape
        and tensor.quantization is not None
        and tensor.quantization.scale is not None
        and not np.any(tensor.quantization.zeroPoint)
    )


def _carry(model, graph, index, values):
    tensor = graph.tensors[index]
    scales = np.array(tensor.quantization.scale, "float32")
    axis = tensor.quantization.quantizedDimension if len(scales) > 1 else 0
    rows = np.moveaxis(values, axis, 0)
    rows = rows.reshape(len(scales), -1)
    steps = [grid_step(row, _LARGEST) for row in rows]
    new = np.array(
        [s if step is None else step for s, step in zip(scales, steps)],
        "float32",
    )
    if np.array_equal(new, scales):
        return False
    k = np.clip(np.round(rows / new[:, None]), -_LARGEST, _LARGEST)
    shape = np.moveaxis(values, axis, 0).shape
    entries = np.moveaxis(k.reshape(shape), 0, axis).astype("int8")
    tensor.quantization.scale = new
    _set(model, tensor, entries)
    for op in graph.operators:
        if index in list(op.inputs)[1:_BIAS] and len(op.inputs) > _BIAS:
            _rescale_bias(model, graph, int(op.inputs[_BIAS]), scales, new)
    return True


def _rescale_bias(model, graph, index, old, new):
    """Keeps a bias of integers, whose scale contains that of the weights."""
    tensor = graph.tensors[index] if index >= 0 else None
    dtypes = {
        schema.TensorType.INT32: "int32",
        schema.TensorType.INT64: "int64",
    }
    if tensor is None or tensor.type not in dtypes:
        return
    dtype = dtypes[tensor.type]
    data = np.asarray(model.buffers[tensor.buffer].data, "uint8")
    q = np.frombuffer(data.tobytes(), dtype)
    tensor.quantization.scale = (
        np.asarray(tensor.quantization.scale, "float32") * (new / old)
    ).astype("float32")
    _set(model, tensor, np.round(q * (old / new)).astype(dtype))


def _set(model, tensor, entries):
    """Gives a tensor data of its own: others may share the buffer."""
    data = np.frombuffer(entries.tobytes(), "uint8")
    users = [t for g in model.subgraphs for t in g.tensors]
    if sum(t.buffer == tensor.buffer for t in users) > 1:
        tensor.buffer = len(model.buffers)
        model.buffers.append(schema.BufferT())
    model.buffers[tensor.buffer].data = data
