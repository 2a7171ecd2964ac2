"""A score on one model: checks what it needs, and computes it."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from keras_slr.scores.evidence import Evidence
from keras_slr.scores.labelled_batches import labelled_batches
from keras_slr.scores.score import Score
from keras_slr.selection.kernels import Weight

_FROM_DATA = ("gradients", "outputs")
# Its square is a float32 number, too.
LEAST = np.float32(1e-18)


class Scorer:
    """Scores the weights of a model.

    Args:
        score: `Score`.
        model: Built Keras model.
        data: See `scores.labelled_batches`, or `None`.
        batch_size: Integer, for arrays. Defaults to `None`, which is 32.
        optimizer_of: Function of a Keras variable that returns the optimizer
            that trains it. Defaults to `None`: the model's own.

    Raises:
        ValueError: If the score needs data, a loss or an optimizer, and there
            is none.
    """

    def __init__(
        self,
        score: Score,
        model: keras.Model,
        data: Any = None,
        batch_size: int | None = None,
        optimizer_of: Any = None,
    ):
        self.score = score
        self._model = model
        self._optimizer_of = optimizer_of or self._compiled_optimizer
        reads_data = data is not None and score.reads is not None
        self._check(reads_data)
        self._batches = (
            labelled_batches(data, batch_size) if reads_data else None
        )
        self._evidence: dict[tuple[int, ...], Evidence] = {}

    def _compiled_optimizer(self, variable):
        del variable
        # Models that were never compiled have no such attribute.
        optimizer = getattr(self._model, "optimizer", None)
        return optimizer if getattr(optimizer, "built", False) else None

    def _check(self, has_data):
        name = type(self.score).__name__
        if self.score.reads in _FROM_DATA and not has_data:
            raise ValueError(
                f"Expected `data` for the score {name}, which reads "
                f"{self.score.reads} of the model. Received none: pass some "
                "of the training data, such as `data=(x_train[:512], "
                "y_train[:512])`."
            )
        by_gradients = self.score.reads in ("gradients", "moments") and has_data
        if by_gradients and not self._model.compiled:
            raise ValueError(
                f"Expected a compiled model for the score {name}, which reads "
                f"gradients of its loss. Received `{self._model.name}` "
                "without a loss: call `model.compile` first."
            )

    def of(self, weights: Sequence[Weight]) -> list[np.ndarray]:
        """Returns the scores of weights as they are now.

        Entries that are zero have the score zero, and no others, so that what
        is pruned stays pruned.

        Args:
            weights: List of `selection.Weight`.

        Returns:
            List of float32 arrays, one per weight and of its shape.

        Raises:
            ValueError: If the score has no moments to read, or is not of the
                weights' shapes.
        """
        evidence = self._evidence_of(list(weights))
        if self.score.reads == "moments" and not evidence.has_data:
            self._check_moments(evidence)
        found = self.score.of(weights, evidence)
        expected = [tuple(weight.shape) for weight in weights]
        received = [np.shape(scores) for scores in found]
        if received != expected:
            raise ValueError(
                f"Expected `{type(self.score).__name__}.of` to return arrays "
                f"of the shapes {expected}. Received: {received}."
            )
        return [
            np.where(w == 0, np.float32(0.0), np.maximum(np.abs(scores), LEAST))
            for w, scores in zip(evidence.values(), found)
        ]

    def _evidence_of(self, weights):
        # Compiled passes are kept from one update to the next.
        key = tuple(id(weight.variable) for weight in weights)
        if key not in self._evidence:
            self._evidence[key] = Evidence(
                self._model, weights, self._batches, self._optimizer_of
            )
        return self._evidence[key]

    def _check_moments(self, evidence):
        if evidence.moments() is None:
            raise ValueError(
                f"Expected `data` for the score {type(self.score).__name__}, "
                "or an optimizer that holds mean squared gradients, such as "
                "Adam. Received neither: pass `data=(x_train[:512], "
                "y_train[:512])`."
            )


def check_ranks(
    score: Score, structure: Any, weights: Sequence[Weight]
) -> None:
    """Raises a `ValueError` if a score cannot rank a structure's units.

    Args:
        score: `Score`.
        structure: `Structure`, bound to the weights.
        weights: List of the `selection.Weight` that it prunes together.
    """
    if score.ranks == "entries" or _of_outputs(structure, weights):
        return
    raise ValueError(
        "Expected a structure of whole outputs, such as `Filter()`, for the "
        f"score {type(score).__name__}, which gives all entries of an output "
        f"the same score. Received {structure} for `{weights[0].path}`."
    )


def _of_outputs(structure, weights):
    """Returns whether the units are outputs of all kernels that score them."""
    members = getattr(structure, "members", None)
    if members is None:
        return False
    return all(
        weight.axes is not None and set(member.axes) <= set(weight.axes.outputs)
        for member, weight in zip(members, weights)
        if member.scored
    )
