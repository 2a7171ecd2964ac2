"""Reads the facts of `ConvertedGraph` from a TFLite file."""

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from tflite_export.explanation.gpu_ops import beyond_gpu
from tflite_export.explanation.gpu_ops import op_name
from tflite_export.xnnpack.sparse_start import sparse_inference


def graph_facts(content):
    """Reads a dense TFLite file.

    Args:
        content: Bytes of the file.

    Returns:
        Dict with the fields of `ConvertedGraph`.
    """
    model = schema.ModelT.InitFromPackedBuf(content)
    facts = {
        "inference": sparse_inference(model),
        "beyond_gpu": beyond_gpu(model),
    }
    _zero_pointwise(model)
    return facts | {"if_pruned": sparse_inference(model)}


def _zero_pointwise(model):
    """Sets the kernels of the 1x1 convolutions of a `ModelT` to zero."""
    for graph in model.subgraphs:
        for op in graph.operators:
            if op_name(model, op) != "CONV_2D":
                continue
            kernel = graph.tensors[op.inputs[1]]
            data = model.buffers[kernel.buffer].data
            if tuple(kernel.shape[1:3]) == (1, 1) and data is not None:
                model.buffers[kernel.buffer].data = np.zeros_like(data)
