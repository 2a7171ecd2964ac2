"""Loops in a TFLite graph, which cannot be quantized to integers."""

from keras_slr_base.failure import Failure
from tflite_export.xnnpack.graph import Graph


def check_loops(model, quantize):
    """Checks that a graph can be quantized to integers.

    The converter crashes when it calibrates a graph with a loop.

    Args:
        model: `ModelT` of TFLite's schema.
        quantize: As in `convert`.

    Raises:
        Failure: Names the operation that loops.
    """
    for subgraph in model.subgraphs:
        for operation in Graph(model, subgraph).operations:
            if operation.op == "WHILE":
                raise Failure(
                    f"runs a loop in `{operation.name}`, which TFLite does "
                    f"not quantize to {quantize}: choose 'dynamic' or "
                    "'float16', or rebuild the model without the loop"
                )
