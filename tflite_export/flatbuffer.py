"""Reading the weights of a TFLite file."""

import pathlib

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from tflite_export.record import Weight

# The types that `convert` stores weights in. Those of integers need the zero
# point of their tensor, which need not be 0.
_DTYPES = {
    schema.TensorType.FLOAT16: np.dtype("float16"),
    schema.TensorType.FLOAT32: np.dtype("float32"),
}


def weights_of(path):
    """Lists the weight tensors of a TFLite file.

    These are the constant floating-point tensors of two axes or more, with
    biases, scales and other vectors left out.

    Args:
        path: String or path of the file.

    Returns:
        List of `Weight`, in the order of the file.

    Raises:
        ValueError: If it is not a TFLite file, or a weight is not stored
            entry by entry.
    """
    content = pathlib.Path(path).read_bytes()
    if not schema.Model.ModelBufferHasIdentifier(content, 0):
        raise ValueError(
            f"Expected a TFLite file, received {path}: write one with "
            "`tflite_export.convert`."
        )
    model = schema.Model.GetRootAs(content, 0)
    weights = []
    for i in range(model.SubgraphsLength()):
        graph = model.Subgraphs(i)
        for j in range(graph.TensorsLength()):
            tensor = graph.Tensors(j)
            data = _data(content, model.Buffers(tensor.Buffer()))
            if tensor.ShapeLength() < 2 or not len(data):
                continue
            if tensor.Type() in _DTYPES:
                weights.append(_weight(tensor, data))
    return weights


def _data(content, buffer):
    # Files too large for a flatbuffer keep the data after it.
    if buffer.Offset() > 1:
        return content[buffer.Offset() : buffer.Offset() + buffer.Size()]
    return buffer.DataAsNumpy() if buffer.DataLength() else b""


def _weight(tensor, data):
    name = tensor.Name().decode()
    shape = tuple(int(n) for n in tensor.ShapeAsNumpy())
    dtype = _DTYPES[tensor.Type()]
    entries = np.frombuffer(data, dtype)
    if tensor.Sparsity() is not None or entries.size != np.prod(shape):
        raise ValueError(
            f"Expected weights stored entry by entry, received `{name}` in "
            "sparse encoding: convert the model without it."
        )
    zeros = entries.size - int(np.count_nonzero(entries))
    return Weight(name, shape, dtype.name, zeros)
