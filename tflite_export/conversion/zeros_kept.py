"""Checks that quantization keeps the zeros of a model."""

import numpy as np

from keras_slr_base.failure import Failure
from tflite_export.flatbuffer import weight_tensors
from tflite_export.flatbuffer import zeros_of


def check_zeros(before, after):
    """Checks that every zero of a weight is a zero of the quantized weight.

    The converter gives a weight the same name and shape in both files. Where
    it does not, any weight of that shape may hold the zeros.

    Args:
        before: `ModelT` of the file in float32.
        after: `ModelT` of the quantized file.

    Raises:
        Failure: Names the weight that lost some.
    """
    quantized = {}
    for tensor in weight_tensors(after):
        zeros = zeros_of(after, tensor)
        quantized.setdefault(zeros.shape, {})[tensor.name] = zeros
    for tensor in weight_tensors(before):
        zeros = zeros_of(before, tensor)
        found = quantized.get(zeros.shape, {})
        if tensor.name in found:
            found = {tensor.name: found[tensor.name]}
        lost = [np.count_nonzero(zeros & ~kept) for kept in found.values()]
        if zeros.any() and min(lost, default=zeros.size):
            raise Failure(
                f"loses zeros of `{tensor.name.decode()}` when quantized: "
                "convert it without `quantize`, or to float16"
            )
