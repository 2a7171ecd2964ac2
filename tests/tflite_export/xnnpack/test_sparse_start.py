"""The static check of sparse inference, against what ARM64 was seen to do.

`test_arm.py` shows the same table under emulation.
"""

import pytest
from ai_edge_litert import schema_py_generated as schema

from tests.tflite_export.xnnpack.sparse_inference_models import CASES
from tests.tflite_export.xnnpack.sparse_inference_models import FEW
from tflite_export.flatbuffer import read
from tflite_export.xnnpack.sparse_start import sparse_inference

pytestmark = pytest.mark.once(
    "the same on every backend: it looks at TFLite files"
)


@pytest.mark.parametrize("name", FEW)
def test_case(few, name):
    check(few, name)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in CASES if name not in FEW])
def test_other_case(folder, name):
    check(folder, name)


def check(folder, name):
    case = CASES[name]
    found = sparse_inference(read(folder / f"{name}.tflite"))
    assert found.safe == case.safe
    # Where it is not safe, it is judged as if it engaged.
    assert found.engages == (case.engages or not case.safe)
    assert case.reason in "; ".join(found.reasons)
    assert bool(found.reasons) == (not found.engages or not found.safe)
    # Encoded or not, the answer is the same.
    assert sparse_inference(read(folder / f"{name}.sparse.tflite")) == found


def test_dense_layer_that_keeps_its_axes(few):
    model = read(few / "zeros_70.tflite")
    (dense,) = (
        operator
        for operator in model.subgraphs[0].operators
        if isinstance(operator.builtinOptions, schema.FullyConnectedOptionsT)
    )
    dense.builtinOptions.keepNumDims = True
    found = sparse_inference(model)
    # Newer versions count its weights, of which none is zero, older ones not.
    assert (found.engages, found.safe) == (False, True)
    kernel = model.buffers[model.subgraphs[0].tensors[dense.inputs[1]].buffer]
    kernel.data = kernel.data * 0
    found = sparse_inference(model)
    assert found.engages and not found.safe


def test_quantized_weights(few):
    model = read(few / "plain.tflite")
    kernels = [
        tensor
        for tensor in model.subgraphs[0].tensors
        if len(tensor.shape) == 4
        and list(tensor.shape[1:3]) == [1, 1]
        and model.buffers[tensor.buffer].data is not None
    ]
    assert len(kernels) == 4
    (middle,) = (kernel for kernel in kernels if kernel.shape[0] == 24)
    middle.type = schema.TensorType.INT8
    found = sparse_inference(model)
    assert not found.safe
    for kernel in kernels:
        kernel.type = schema.TensorType.INT8
    found = sparse_inference(model)
    assert (found.engages, found.safe) == (False, True)
    assert "not in floating point" in "; ".join(found.reasons)


def test_several_graphs_are_not_known(few):
    model = read(few / "plain.tflite")
    model.subgraphs = model.subgraphs * 2
    found = sparse_inference(model)
    assert found.engages and not found.safe
    assert "more than one graph" in "; ".join(found.reasons)
