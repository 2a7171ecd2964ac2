"""The doctor: whether zeros make a model faster, where, and why not."""

import os

from tflite_export.explanation import Explanation
from tflite_export.explanation import Row


def explain(model_or_path, target=None):
    """Says of every layer whether its zeros make it faster, and why not.

    What is known of each runtime stands in `conditions`. For ARM and the GPU
    delegate the graph counts too: the model is converted, as by `convert`.

    Args:
        model_or_path: Built Keras 3 model, or the path of a `.keras` file.
        target: String, a key of `conditions.CONDITIONS`, or `"xnnpack"` for
            `"arm"`. Defaults to `None`, all of them.

    Returns:
        `Explanation`, which prints itself. Layers without kernels are not
        listed.

    Raises:
        TypeError: If the model is not a Keras 3 model.
        ValueError: If the target is unknown, the model is not built or the
            file does not load.
        OSError: If there is no such file.
    """
    # Here, so that the rest of the package does without Keras.
    from tflite_export.conditions import CONDITIONS
    from tflite_export.converted_graph import ConvertedGraph
    from tflite_export.converted_graph import converted_graph
    from tflite_export.kernel import kernels_of
    from tflite_export.verdict import verdict_on

    targets = _checked(target, CONDITIONS)
    kernels = kernels_of(_model(model_or_path))
    graph = ConvertedGraph()
    if not {"arm", "gpu"}.isdisjoint(targets):
        graph = converted_graph(model_or_path)
    rows = [
        Row(
            layer=kernel.layer,
            op=kernel.op,
            shape=kernel.shape,
            zeros=kernel.zeros,
            verdicts=tuple(verdict_on(name, kernel, graph) for name in targets),
        )
        for kernel in kernels
    ]
    told = [graph.told(name) for name in targets]
    return Explanation(tuple(rows), tuple(line for line in told if line))


def _checked(target, known):
    """Returns the list of the targets that are meant."""
    from keras_slr.targets import ALIASES

    if target is None:
        return list(known)
    target = ALIASES.get(target, target)
    if target not in known:
        names = ", ".join(f"'{name}'" for name in known)
        raise ValueError(
            f"Expected a target of {names}, received {target!r}: name a "
            "runtime, or none for all of them."
        )
    return [target]


def _model(model_or_path):
    from keras_slr.model_files import load_model
    from keras_slr.training.model_state import check_built
    from keras_slr.training.model_state import check_model

    if isinstance(model_or_path, (str, os.PathLike)):
        return load_model(model_or_path)
    check_model(model_or_path)
    check_built(model_or_path)
    return model_or_path
