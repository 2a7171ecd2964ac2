"""A TFLite model with some of its weights in sparse encoding."""

import copy

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from tflite_export.flatbuffer import entries_of
from tflite_export.sparse.legality import BLOCKS
from tflite_export.sparse.sparse_encoding import BLOCK
from tflite_export.sparse.sparse_encoding import encode

# The first version of FULLY_CONNECTED that takes sparse weights.
_VERSION = 8


def encode_weights(model, forms):
    """Encodes weights of a model, in place.

    Args:
        model: `ModelT` of TFLite's schema, all of whose weights are dense.
        forms: Dict from `(subgraph, tensor)`, two indices, to
            `legality.ENTRIES` or `legality.BLOCKS`.
    """
    for (i, j), form in forms.items():
        graph = model.subgraphs[i]
        tensor = graph.tensors[j]
        block = BLOCK if form == BLOCKS else 1
        values, sparsity = encode(entries_of(model, tensor), block)
        dense = copy.copy(tensor)
        tensor.sparsity = sparsity
        tensor.buffer = len(model.buffers)
        data = np.frombuffer(values.tobytes(), "uint8")
        model.buffers.append(schema.BufferT(data=data))
        if form == BLOCKS:
            _raise_version(model, graph, j)
        else:
            _densify(model, graph, j, dense)
    _drop_unused(model)


def _raise_version(model, graph, index):
    code = _code(model, schema.BuiltinOperator.FULLY_CONNECTED, _VERSION)
    for op in graph.operators:
        if index in op.inputs:
            op.opcodeIndex = code


def _densify(model, graph, index, dense):
    dense.name = dense.name + b"/dense"
    dense.buffer = 0
    graph.tensors.append(dense)
    made = len(graph.tensors) - 1
    users = [k for k, op in enumerate(graph.operators) if index in op.inputs]
    for k in users:
        op = graph.operators[k]
        op.inputs = [made if n == index else int(n) for n in op.inputs]
    densify = schema.OperatorT(
        opcodeIndex=_code(model, schema.BuiltinOperator.DENSIFY, 1),
        inputs=[index],
        outputs=[made],
        builtinOptionsType=schema.BuiltinOptions.DensifyOptions,
        builtinOptions=schema.DensifyOptionsT(),
    )
    graph.operators.insert(users[0], densify)


def _code(model, builtin, version):
    """Returns the index of an operation's code, which is added if missing."""
    for i, code in enumerate(model.operatorCodes):
        if (code.builtinCode, code.version) == (builtin, version):
            return i
    model.operatorCodes.append(
        schema.OperatorCodeT(
            # The field that older runtimes read; both codes fit in it.
            deprecatedBuiltinCode=builtin,
            builtinCode=builtin,
            version=version,
        )
    )
    return len(model.operatorCodes) - 1


def _drop_unused(model):
    used = {t.buffer for graph in model.subgraphs for t in graph.tensors}
    used |= {entry.buffer for entry in model.metadata or []}
    for i, buffer in enumerate(model.buffers):
        if i not in used:
            buffer.data = None
