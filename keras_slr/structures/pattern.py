"""Pattern sparsity of 3x3 convolution windows."""

import collections
import dataclasses
import itertools
from typing import Any
from typing import Self

import keras
import numpy as np

from keras_slr.backend import to_host
from keras_slr.record import PACKAGE
from keras_slr.selection import select
from keras_slr.selection.selectors import Selectors
from keras_slr.structures.constraint import ALWAYS
from keras_slr.structures.registry import register_structure
from keras_slr.structures.structure import Structure

# The centre of the nine positions of a window, counted row by row.
_CENTRE = 4


def _with_centre(entries):
    others = [position for position in range(9) if position != _CENTRE]
    return tuple(
        tuple(sorted((_CENTRE, *chosen)))
        for chosen in itertools.combinations(others, entries - 1)
    )


@register_structure("pattern", PACKAGE)
@dataclasses.dataclass(frozen=True)
class Pattern(Structure):
    """One pattern of non-zero positions per 3x3 window, out of a library.

    Each window keeps the pattern that holds most of its squared norm; this is
    the nearest tensor with these patterns. With a small library, a compiler
    can generate a kernel for each pattern (PCONV, arXiv 1909.05073).

    Args:
        patterns: Tuple of patterns, each a tuple of positions from 0 to 8,
            counted row by row, all of the same length. Defaults to all 56
            patterns of four positions that include the centre.

    Raises:
        ValueError: If a pattern is invalid or their lengths differ.
    """

    patterns: tuple = _with_centre(4)

    def __post_init__(self):
        super().__post_init__()
        patterns = tuple(tuple(sorted(p)) for p in self.patterns)
        object.__setattr__(self, "patterns", patterns)
        valid = patterns and all(
            0 < len(p) < 9
            and len(p) == len(patterns[0])
            and len(set(p)) == len(p)
            and set(p) <= set(range(9))
            for p in patterns
        )
        if not valid:
            raise ValueError(
                "Expected patterns of one length, each of different positions "
                f"from 0 to 8. Received: {self.patterns}."
            )

    @classmethod
    def learned(
        cls,
        model: keras.Model,
        size: int = 8,
        entries: int = 4,
        include: Selectors | None = None,
        exclude: Selectors | None = None,
    ) -> Self:
        """Returns a structure with the most frequent patterns of a model.

        The pattern of a window consists of its `entries` positions of largest
        magnitude and always includes the centre.

        Args:
            model: Keras model, built and trained.
            size: Integer, the number of patterns. Defaults to `8`.
            entries: Integer, the number of positions that a pattern keeps.
                Defaults to `4`.
            include: See `selection.select`. Defaults to `None`.
            exclude: See `selection.select`. Defaults to `None`.

        Raises:
            ValueError: If the model has no 3x3 windows to learn from.
        """
        found: collections.Counter[Any] = collections.Counter()
        for weight in select(model, include, exclude).chosen:
            if _no_window(weight) is None:
                w = to_host(weight.variable).astype("float32")
                windows = abs(weight.axes.to_matrix(np, w)).reshape(-1, 9)
                windows[:, _CENTRE] = np.inf
                largest = np.argsort(-windows, axis=1, kind="stable")
                chosen = np.sort(largest[:, :entries], axis=1)
                found.update(map(tuple, chosen.tolist()))
        if not found:
            raise ValueError(
                "Expected a model with 3x3 convolutions to learn patterns "
                f"from. Received: `{model.name}`, which has none."
            )
        # Ties go to the smaller pattern, whatever the order of the windows.
        common = sorted(found, key=lambda p: (-found[p], p))[:size]
        return cls(tuple(common))

    @property
    def rate(self):
        return 1.0 - len(self.patterns[0]) / 9

    def refusal(self, weight):
        return super().refusal(weight) or _no_window(weight)

    def units(self, weight):
        return weight.size

    def scores(self, xp, values, weight):
        library = np.zeros((len(self.patterns), 9), "float32")
        for row, positions in zip(library, self.patterns):
            row[list(positions)] = 1.0
        matrix = weight.axes.to_matrix(xp, xp.abs(values[0]))
        held = xp.matmul(matrix * matrix, library.T)
        chosen = xp.take(library, xp.argmax(held, axis=-1), axis=0)
        scores = xp.where(chosen > 0, ALWAYS, matrix)
        scores = weight.axes.from_matrix(xp, scores, weight.shape)
        return xp.reshape(scores, (-1,))

    def entries(self, xp, kept, weight):
        return [xp.reshape(kept, weight.shape)]


def _no_window(weight):
    axes = weight.axes
    shape = [weight.shape[axis] for axis in axes.window] if axes else None
    return None if shape == [3, 3] else "its window is not 3x3"
