"""Facts about the TFLite graph of a converted model."""

import dataclasses

from keras_slr_base.work_folder import work_folder
from tflite_export.conversion.convert import convert


@dataclasses.dataclass(frozen=True)
class ConvertedGraph:
    """The graph of the dense TFLite file of a model.

    Attributes:
        inference: `sparse_start.SparseInference` with the zeros that the model
            has, or `None` if it does not convert.
        if_pruned: The same with all of its 1x1 convolutions set to zero.
        beyond_gpu: Tuple of strings, its operations that the GPU delegate
            refuses.
        failure: String, why the model does not convert, or `None`.
        friendly: `ConvertedGraph` of `friendly(model)` if the graph prevents
            sparse kernels in XNNPACK; `None` if it does not, or if there is
            no such variant.
    """

    inference: object = None
    if_pruned: object = None
    beyond_gpu: tuple = ()
    failure: str | None = None
    friendly: object = None

    @property
    def engages(self):
        """Whether XNNPACK uses sparse kernels on ARM, with correct results."""
        return _is_right(self.inference)

    @property
    def could_engage(self):
        """Whether it would if there were enough zeros."""
        return _is_right(self.if_pruned)

    @property
    def friendly_engages(self):
        """Whether it would for the variant that `friendly` builds."""
        return self.friendly is not None and self.friendly.could_engage

    def note(self, target):
        """Returns a sentence about the graph for a target, or `None`."""
        if target not in ("arm", "gpu"):
            return None
        if self.failure:
            return f"{target}: the graph could not be examined. {self.failure}"
        if target == "arm":
            return f"arm: {_judgement(self.if_pruned)}.{self._variant()}"
        if not self.beyond_gpu:
            return "gpu: the delegate takes all operations of the graph."
        return (
            f"gpu: the delegate does not take {', '.join(self.beyond_gpu)}; "
            "the graph is split there between GPU and CPU."
        )

    def _variant(self):
        """Returns a sentence about what `friendly` does for the graph."""
        if self.friendly_engages:
            return (
                " `tflite_export.friendly(model)` builds a variant where they "
                "engage, to be trained again."
            )
        if self.friendly is None or self.friendly.failure:
            return ""
        return (
            " In the variant of `tflite_export.friendly(model)`, too: "
            f"{'; '.join(self.friendly.if_pruned.reasons)}."
        )


def _is_right(inference):
    return inference is not None and inference.engages and inference.safe


def _judgement(inference):
    if _is_right(inference):
        return "the graph is on the safe list for sparse encoding"
    reasons = "; ".join(inference.reasons)
    if inference.safe:
        return f"sparse convolutions do not engage in this graph: {reasons}"
    return f"sparse encoding is not safe for this graph: {reasons}"


def converted_graph(model_or_path, progress=None):
    """Converts a model to a temporary file and reads its graph.

    Args:
        model_or_path: As in `convert`.
        progress: As in `convert`. Defaults to `None`.

    Returns:
        `ConvertedGraph`.
    """
    with work_folder() as folder:
        path = folder / "dense.tflite"
        try:
            convert(model_or_path, path, sparsity="none", progress=progress)
        except (ValueError, RuntimeError) as error:
            return ConvertedGraph(failure=str(error))
        content = path.read_bytes()
    # This needs LiteRT, which is installed if the conversion succeeded.
    from tflite_export.explanation.graph_facts import graph_facts

    return ConvertedGraph(**graph_facts(content))
