"""A TFLite graph as operations between tensors that are not constant."""

import dataclasses

import numpy as np
from ai_edge_litert import schema_py_generated as schema

OP_NAMES = {
    code: name
    for name, code in vars(schema.BuiltinOperator).items()
    if isinstance(code, int)
}
# Operations between a stored weight and the operation that reads it.
_UNPACKING = ("DENSIFY", "DEQUANTIZE")
# Last parts of the names that TensorFlow gives convolutions.
_CONVOLUTIONS = ("convolution", "depthwise", "Conv2D", "BiasAdd")
_DTYPES = {
    schema.TensorType.FLOAT32: "float32",
    schema.TensorType.FLOAT16: "float16",
    schema.TensorType.INT8: "int8",
}


@dataclasses.dataclass(frozen=True)
class Operation:
    """One operation, merged with a zero padding in front of it.

    Attributes:
        op: Name in TFLite's schema, such as `"CONV_2D"`.
        options: The schema's options of the operation, or `None`.
        inputs: Tuple of integers, all tensors that it reads; `-1` for none.
        data: Tuple of integers, those of them that are not constant.
        outputs: Tuple of integers, the tensors that it writes.
        name: String, the layer's name: its output's name without the parts of
            the model and of TensorFlow.
        pad: Zeros around height and width, `((top, bottom), (left, right))`,
            of a padding that only this operation reads, or `None`.
    """

    op: str
    options: object
    inputs: tuple
    data: tuple
    outputs: tuple
    name: str
    pad: tuple | None = None


class Graph:
    """A subgraph of a TFLite file.

    Args:
        model: `ModelT` of the LiteRT schema.
        subgraph: One of its subgraphs, a `SubGraphT`.
    """

    def __init__(self, model, subgraph):
        self._buffers = model.buffers
        self._tensors = subgraph.tensors
        self.inputs = tuple(int(i) for i in subgraph.inputs)
        self.outputs = tuple(int(i) for i in subgraph.outputs)
        # Maps each constant tensor to the one that stores its values.
        self._stored = {
            i: i
            for i, tensor in enumerate(subgraph.tensors)
            if self._content(tensor) is not None
        }
        operations = []
        for operator in subgraph.operators:
            code = model.operatorCodes[operator.opcodeIndex]
            code = max(code.builtinCode, code.deprecatedBuiltinCode)
            found = self._operation(OP_NAMES[code], operator)
            if found.op in _UNPACKING and not found.data:
                self._stored[found.outputs[0]] = self._stored[found.inputs[0]]
            else:
                operations.append(found)
        self.operations = self._with_pads(operations)

    def shape(self, tensor):
        """Returns the shape of a tensor as a tuple of integers."""
        shape = self._tensors[tensor].shape
        return () if shape is None else tuple(int(n) for n in shape)

    def stored_type(self, tensor):
        """Returns the schema's type of a tensor; of a constant, as stored."""
        return self._tensors[self._stored.get(tensor, tensor)].type

    def zeros(self, tensor):
        """Counts the zeros of a constant, encoded sparsely or not.

        Returns:
            Integer, or `None` if its values cannot be read.
        """
        stored = self._tensors[self._stored[tensor]]
        content = self._content(stored)
        if stored.type not in _DTYPES or not len(content):
            return None
        entries = np.frombuffer(content, _DTYPES[stored.type])
        return int(np.prod(self.shape(tensor))) - np.count_nonzero(entries)

    def integers(self, tensor):
        """Returns the values of a constant of integers as nested lists."""
        if tensor not in self._stored:
            return None
        kind = self._tensors[tensor].type
        dtype = "int64" if kind == schema.TensorType.INT64 else "int32"
        entries = np.frombuffer(self._content(self._tensors[tensor]), dtype)
        return entries.reshape(self.shape(tensor)).tolist()

    def _content(self, tensor):
        """Returns the bytes of a constant; none, if kept out of reach."""
        buffer = self._buffers[tensor.buffer]
        if buffer.data is not None and len(buffer.data):
            return np.asarray(buffer.data, "uint8").tobytes()
        return b"" if buffer.offset > 1 else None

    def _operation(self, op, operator):
        inputs = tuple(int(i) for i in operator.inputs)
        outputs = tuple(int(i) for i in operator.outputs)
        return Operation(
            op=op,
            options=operator.builtinOptions,
            inputs=inputs,
            data=tuple(i for i in inputs if i >= 0 and i not in self._stored),
            outputs=outputs,
            name=self._name(op, outputs + inputs),
        )

    def _name(self, op, tensors):
        # Operations on variables have no outputs, or no tensors at all.
        name = self._tensors[tensors[0]].name if tensors else None
        return _layer_name(name, op)

    def _with_pads(self, operations):
        taken = [i for operation in operations for i in operation.data]
        pads = {}
        for operation in operations:
            pad = self._pad(operation)
            if pad is None:
                continue
            (output,) = operation.outputs
            if taken.count(output) == 1 and output not in self.outputs:
                pads[output] = (operation, pad)
        drawn, kept = [], []
        for operation in operations:
            source, pad = pads.get((*operation.data, -1)[0], (None, None))
            if pad and _is_convolution(operation) and operation.options.padding:
                drawn.append(source)
                operation = dataclasses.replace(
                    operation, data=source.data, pad=pad
                )
            kept.append(operation)
        return [o for o in kept if not any(o is d for d in drawn)]

    def _pad(self, operation):
        if operation.op != "PAD" or len(operation.data) != 1:
            return None
        amounts = self.integers(operation.inputs[1])
        if not amounts or len(amounts) != 4 or any(amounts[0] + amounts[3]):
            return None
        return tuple(amounts[1]), tuple(amounts[2])


def _is_convolution(operation):
    return operation.op in ("CONV_2D", "DEPTHWISE_CONV_2D")


def _layer_name(name, op):
    name = name.decode() if isinstance(name, bytes) else name or op
    parts = [part for part in name.split(";") if part]
    # The converter lists all layers that it merged, such as an activation.
    own = [part for part in parts if part.split("/")[-1] in _CONVOLUTIONS]
    path = (own + parts + [op])[0].split("/")
    return "/".join(path[1:-1]) or path[-1]
