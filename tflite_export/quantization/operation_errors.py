"""The error of each operation of a quantized file, against the float file.

The operations are separated: each one gets the inputs that the float file
computes, quantized, so that only its own error counts. The error of the whole
file up to that operation is measured, too.
"""

import pathlib
import warnings

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter

from tflite_export.explanation.gpu_ops import op_name
from tflite_export.flatbuffer import read
from tflite_export.flatbuffer import write
from tflite_export.quantization.stored_values import real
from tflite_export.quantization.stored_values import stored

# They convert numbers and compute nothing.
_FORMS = ("QUANTIZE", "DEQUANTIZE")


def operation_errors(float_file, quantized_file, batches):
    """Compares two files of a model operation by operation.

    Args:
        float_file: String, path of the file in float32.
        quantized_file: String, path of the quantized file.
        batches: Iterable of dicts of arrays by name of input, real numbers.

    Returns:
        List of dicts with the fields of `OperationError`, in the order of
        the file. Operations that the float file lacks are left out.
    """
    expected, whole = _File(float_file), _File(quantized_file)
    names = _names(whole.model)
    shared = set(expected.computed())
    model = read(quantized_file)
    copies = _cut_apart(model, {j for j in names if names[j] in shared})
    path = str(pathlib.Path(quantized_file).with_name("apart.tflite"))
    write(model, path)
    alone = _File(path)
    operators = [
        (
            names[int(op.outputs[0])],
            int(op.outputs[0]),
            op_name(alone.model, op),
        )
        for op in alone.model.subgraphs[0].operators
    ]
    compared = [x for x in operators if x[0] in shared and x[2] not in _FORMS]
    squares = np.zeros((len(compared), 3))
    for batch in batches:
        truth = expected.run(expected.inputs_of(batch))
        given = whole.inputs_of(batch)
        so_far = whole.run(given)
        cut = {c: truth(expected.index(names[j])) for j, c in copies.items()}
        own = alone.run(
            cut | {j: given[j] for j in alone.inputs() if j in given}
        )
        for i, (name, j, _) in enumerate(compared):
            y = truth(expected.index(name))
            for column, z in enumerate((own(j), so_far(j), 2 * y)):
                squares[i, column] += np.sum(np.square(z - y, dtype="float64"))
    sizes = np.where(squares[:, 2] > 0, squares[:, 2], 1.0)
    own, so_far = np.sqrt(squares[:, :2] / sizes[:, None]).T
    shown = _shown(expected.model)
    return [
        {"name": shown(name), "op": op, "own": float(a), "so_far": float(b)}
        for (name, _, op), a, b in zip(compared, own, so_far)
    ]


def _shown(model):
    """Returns a function from the name of a tensor to a readable one.

    Outputs get their names in the signature; other names lose the prefix of
    the model.
    """
    tensors = model.subgraphs[0].tensors
    outputs = {
        tensors[entry.tensorIndex].name.decode(): entry.name.decode()
        for entry in model.signatureDefs[0].outputs
    }

    def shown(name):
        layers = [part.split("/", 1)[-1] for part in name.split(";")]
        return outputs.get(name, ";".join(layers))

    return shown


class _File:
    """A file whose interpreter keeps all tensors.

    Args:
        path: String.

    Attributes:
        model: `ModelT` of it.
    """

    def __init__(self, path):
        self.model = read(path)
        self._graph = self.model.subgraphs[0]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # About the memory.
            self._interpreter = Interpreter(
                path, experimental_preserve_all_tensors=True
            )

    def computed(self):
        """Lists the names of the inputs and of the results of operations."""
        made = [j for op in self._graph.operators for j in op.outputs]
        return [
            self._graph.tensors[int(j)].name.decode()
            for j in (*self.inputs(), *made)
            if self._graph.tensors[int(j)].type == schema.TensorType.FLOAT32
        ]

    def inputs(self):
        """Lists the indices of the inputs."""
        return [int(j) for j in self._graph.inputs]

    def index(self, name):
        """Returns the index of the tensor with a name."""
        if not hasattr(self, "_indices"):
            self._indices = {
                t.name.decode(): j for j, t in enumerate(self._graph.tensors)
            }
        return self._indices[name]

    def inputs_of(self, batch):
        """Turns a dict by name of input into a dict by index of tensor."""
        return {
            int(entry.tensorIndex): batch[entry.name.decode()]
            for entry in self.model.signatureDefs[0].inputs
        }

    def run(self, arrays):
        """Runs the file on real numbers.

        Args:
            arrays: Dict of arrays by index of an input tensor.

        Returns:
            Function from the index of a tensor to its real numbers.
        """
        interpreter = self._interpreter
        for j, x in arrays.items():
            interpreter.resize_tensor_input(j, x.shape)
        interpreter.allocate_tensors()
        details = {d["index"]: d for d in interpreter.get_tensor_details()}
        for j, x in arrays.items():
            interpreter.set_tensor(j, stored(x, details[j]))
        interpreter.invoke()
        return lambda j: real(interpreter.get_tensor(j), details[j])


def _names(model):
    """Returns the names that tensors have in the float file, by index.

    A quantized tensor has the name of the real numbers that it represents.
    """
    graph = model.subgraphs[0]
    names = {j: t.name.decode() for j, t in enumerate(graph.tensors)}
    for op in graph.operators:
        kind = op_name(model, op)
        taken, given = int(op.inputs[0]), int(op.outputs[0])
        if kind == "QUANTIZE":
            names[given] = names[taken]
        elif kind == "DEQUANTIZE":
            names[taken] = names[given]
    return names


def _cut_apart(model, chosen):
    """Makes operations read copies of tensors, which become inputs; in place.

    Args:
        model: `ModelT`.
        chosen: Set of indices of the tensors that are cut.

    Returns:
        Dict of the indices of the copies by those of the tensors.
    """
    graph = model.subgraphs[0]
    made = {int(j) for op in graph.operators for j in op.outputs}
    made |= {int(j) for j in graph.inputs}
    copies = {}
    for op in graph.operators:
        op.inputs = np.array(op.inputs)
        for k, j in enumerate(op.inputs.tolist()):
            if j not in chosen or j not in made:
                continue
            if j not in copies:
                copies[j] = len(graph.tensors)
                graph.tensors.append(_renamed(graph.tensors[j]))
            op.inputs[k] = copies[j]
    kept = [int(j) for j in graph.inputs if j not in copies]
    graph.inputs = np.array([*kept, *copies.values()], "int32")
    outputs = [int(j) for op in graph.operators for j in op.outputs]
    graph.outputs = np.array(outputs, "int32")
    # It names the inputs and outputs of the whole.
    model.signatureDefs = []
    return copies


def _renamed(tensor):
    made = schema.TensorT()
    vars(made).update(vars(tensor))
    made.name = tensor.name + b"_given"
    return made
