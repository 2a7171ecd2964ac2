"""The weights of a TFLite model that can be encoded sparsely."""

import dataclasses
import math

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from tflite_export.flatbuffer import entries_of
from tflite_export.flatbuffer import is_weight
from tflite_export.sparse.legality import CONVOLUTION
from tflite_export.sparse.legality import DENSE
from tflite_export.sparse.sparse_encoding import BLOCK

_KINDS = {
    schema.BuiltinOperator.CONV_2D: CONVOLUTION,
    schema.BuiltinOperator.FULLY_CONNECTED: DENSE,
}


@dataclasses.dataclass(frozen=True)
class EncodableWeight:
    """A weight that may be encoded.

    Attributes:
        key: `(subgraph, tensor)`, two indices.
        kind: `"convolution"` or `"Dense"`.
        entries: Array of the stored entries: of a convolution `(out, height,
            width, in)`, of Dense `(out, in)`.
        rows: Integer, the number of rows that it multiplies for one
            input; a batch of open size counts as one.
    """

    key: tuple
    kind: str
    entries: np.ndarray
    rows: int

    @property
    def is_1x1(self):
        return self.kind == CONVOLUTION and self.entries.shape[1:3] == (1, 1)

    @property
    def divides(self):
        """Whether the input axis divides into blocks of four."""
        return self.kind == DENSE and self.entries.shape[-1] % BLOCK == 0

    @property
    def zeros(self):
        return self.entries.size - int(np.count_nonzero(self.entries))

    @property
    def zero_blocks(self):
        """Share of the blocks, of four along the input axis, all zero."""
        kept = self.entries.reshape(-1, BLOCK).any(axis=1)
        return 1.0 - float(kept.mean())


def encodable_weights(model):
    """Lists the kernels of convolutions and Dense layers.

    Args:
        model: `ModelT` of TFLite's schema, all of whose weights are dense.

    Returns:
        List of `EncodableWeight`, each weight once.
    """
    found = {}
    for i, graph in enumerate(model.subgraphs):
        producer = {int(j): op for op in graph.operators for j in op.outputs}
        for op in graph.operators:
            kind = _KINDS.get(model.operatorCodes[op.opcodeIndex].builtinCode)
            if kind is None:
                continue
            j = int(op.inputs[1])
            if j in producer:  # In half precision, before a DEQUANTIZE.
                j = int(producer[j].inputs[0])
            tensor = graph.tensors[j]
            if not is_weight(model, tensor):
                continue
            entries = entries_of(model, tensor)
            made = graph.tensors[int(op.outputs[0])].shape
            rows = math.prod(int(n) for n in made) // entries.shape[0]
            found[i, j] = EncodableWeight((i, j), kind, entries, rows)
    return list(found.values())
