"""Whether XNNPACK's sparse inference engages on a file, and is safe."""

import dataclasses

from ai_edge_litert import schema_py_generated as schema


@dataclasses.dataclass(frozen=True)
class SparseInference:
    """What XNNPACK on ARM does with a model whose weights are encoded.

    Attributes:
        engages: Whether it computes with sparse kernels.
        safe: Whether the outputs are those of the dense file.
        reasons: Tuple of strings, why not.
    """

    engages: bool
    safe: bool
    reasons: tuple


def sparse_inference(model):
    """Checks a `ModelT`, taken as if its 1x1 convolutions were encoded.

    Returns:
        `SparseInference`.
    """
    codes = {code.builtinCode for code in model.operatorCodes}
    if schema.BuiltinOperator.CONV_2D in codes:
        return SparseInference(
            False, False, ("models with convolutions are not checked yet",)
        )
    return SparseInference(False, True, ("it has no convolutions",))
