"""The same model with its sparsely encoded weights stored in full."""

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from tflite_export.flatbuffer import entries_of
from tflite_export.flatbuffer import read
from tflite_export.flatbuffer import write


def dense_twin(path, out):
    """Replaces the DENSIFY operations of a file by their results.

    Args:
        path: Path of a TFLite file.
        out: Path of the file to write.
    """
    model = read(path)
    densify = schema.BuiltinOperator.DENSIFY
    for graph in model.subgraphs:
        kept = []
        for operator in graph.operators:
            code = model.operatorCodes[operator.opcodeIndex].builtinCode
            if code != densify:
                kept.append(operator)
                continue
            dense = entries_of(model, graph.tensors[operator.inputs[0]])
            graph.tensors[operator.outputs[0]].buffer = len(model.buffers)
            data = np.frombuffer(dense.tobytes(), "uint8")
            model.buffers.append(schema.BufferT(data=data))
        graph.operators = kept
    write(model, out)
