"""Explains whether zeros make a model faster, where, and why not."""

import dataclasses
import os
from typing import TYPE_CHECKING
from typing import Literal
from typing import TypeAlias

from tflite_export.conversion.options import Progress
from tflite_export.conversion.progress import reporter
from tflite_export.explanation.explanation import ExplainedKernel
from tflite_export.explanation.explanation import Explanation

if TYPE_CHECKING:
    import keras

Runtime: TypeAlias = Literal["arm", "x86", "gpu", "int8", "micro", "xnnpack"]


def explain(
    model_or_path: "keras.Model | str | os.PathLike[str]",
    target: Runtime | None = None,
    progress: Progress | None = None,
) -> Explanation:
    """Explains for every layer whether its zeros make it faster, and why not.

    `conditions` lists what each runtime needs. For ARM and the GPU delegate
    the graph counts too: `explain` converts the model, as `convert` does.
    Where the graph keeps ARM's sparse kernels from starting, the variant that
    `friendly` builds is converted, too, to find out if it would help.

    Args:
        model_or_path: Built Keras 3 model, or the path of a `.keras` file.
        target: String, a key of `conditions.CONDITIONS`, or `"xnnpack"` for
            `"arm"`. Defaults to `None`, all of them.
        progress: As in `convert`. Defaults to `None`.

    Returns:
        `Explanation`, which prints itself, the layers with most work first.
        Layers without kernels are not listed.

    Raises:
        TypeError: If the model is not a Keras 3 model, or `progress` is
            nothing to report to.
        ValueError: If the target is unknown, the model is not built or the
            file does not load.
        OSError: If there is no such file.
    """
    # Imported here, because the rest of the package does not need Keras.
    from tflite_export.conditions import CONDITIONS
    from tflite_export.conditions.facts_of_kernels import POINTWISE
    from tflite_export.conditions.facts_of_kernels import kernels_of
    from tflite_export.explanation.converted_graph import ConvertedGraph
    from tflite_export.explanation.converted_graph import converted_graph
    from tflite_export.explanation.verdict import verdict_on

    report = reporter(progress)
    targets = _checked(target, CONDITIONS)
    model = _model(model_or_path)
    report("inspect the layers")
    kernels = kernels_of(model)
    graph = ConvertedGraph()
    if not {"arm", "gpu"}.isdisjoint(targets):
        graph = converted_graph(model_or_path, report)
    if "arm" in targets and any(k.kind == POINTWISE for k in kernels):
        graph = _with_friendly(graph, model, report)
    rows = [
        ExplainedKernel(
            layer=kernel.layer,
            op=kernel.op,
            shape=kernel.shape,
            zeros=kernel.zeros,
            verdicts=tuple(verdict_on(name, kernel, graph) for name in targets),
            macs=kernel.macs,
        )
        for kernel in kernels
    ]
    notes = [graph.note(name) for name in targets]
    return Explanation(tuple(rows), tuple(line for line in notes if line))


def _with_friendly(graph, model, progress):
    """Adds the graph of `friendly(model)` if the model's own is unsuitable."""
    from tflite_export.explanation.converted_graph import converted_graph
    from tflite_export.xnnpack.friendly_architecture import friendly

    if graph.failure or graph.could_engage:
        return graph
    try:
        variant = friendly(model)
    except ValueError:  # A model that cannot be rebuilt has no variant.
        return graph
    return dataclasses.replace(
        graph,
        friendly=converted_graph(
            variant, lambda stage: progress(f"friendly variant: {stage}")
        ),
    )


def _checked(target, known):
    """Returns the list of the chosen targets."""
    from keras_slr.planning.targets import ALIASES

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
    from keras_slr.files.model_files import load_model
    from keras_slr.models.checks import check_built
    from keras_slr.models.checks import check_model

    if isinstance(model_or_path, (str, os.PathLike)):
        return load_model(model_or_path)
    check_model(model_or_path)
    check_built(model_or_path)
    return model_or_path
