"""The same model with its sparsely encoded weights stored in full."""

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

_DTYPES = {
    schema.TensorType.FLOAT32: "float32",
    schema.TensorType.FLOAT16: "float16",
    schema.TensorType.INT8: "int8",
}


def dense_twin(content):
    """Replaces DENSIFY operations by what they compute.

    Args:
        content: Bytes of a TFLite file whose weights are encoded along their
            last axis.

    Returns:
        Bytes of the file without them.
    """
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(content, 0))
    densify = schema.BuiltinOperator.DENSIFY
    codes = [
        max(code.builtinCode, code.deprecatedBuiltinCode)
        for code in model.operatorCodes
    ]
    for graph in model.subgraphs:
        kept = []
        for operator in graph.operators:
            if codes[operator.opcodeIndex] != densify:
                kept.append(operator)
                continue
            source = graph.tensors[operator.inputs[0]]
            dense = _decoded(source, model.buffers[source.buffer].data)
            made = graph.tensors[operator.outputs[0]]
            made.buffer = len(model.buffers)
            data = np.frombuffer(dense.tobytes(), "uint8")
            model.buffers.append(schema.BufferT(data=data))
        graph.operators = kept
    builder = flatbuffers.Builder(len(content))
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def _decoded(tensor, data):
    entries = np.frombuffer(np.asarray(data, "uint8"), _DTYPES[tensor.type])
    axis = tensor.sparsity.dimMetadata[-1]
    rows = np.diff(np.asarray(axis.arraySegments.values, "int64"))
    dense = np.zeros((rows.size, tensor.shape[-1]), entries.dtype)
    columns = np.asarray(axis.arrayIndices.values, "int64")
    dense[np.repeat(np.arange(rows.size), rows), columns] = entries
    return dense
