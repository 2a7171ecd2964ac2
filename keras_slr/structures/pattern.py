"""Patterns of 3x3 windows."""

import collections
import dataclasses
import itertools

import numpy as np

from keras_slr import backend
from keras_slr.record import register
from keras_slr.selection import select
from keras_slr.structures.constraint import ALWAYS
from keras_slr.structures.structure import Structure

# Of the nine places of a window, row by row.
_CENTRE = 4


def _with_centre(entries):
    others = [place for place in range(9) if place != _CENTRE]
    return tuple(
        tuple(sorted((_CENTRE, *chosen)))
        for chosen in itertools.combinations(others, entries - 1)
    )


@register
@dataclasses.dataclass(frozen=True)
class Pattern(Structure):
    """The same few places of every 3x3 window, out of a library.

    Each window keeps the pattern that holds most of its squared norm, which
    is the nearest tensor of that kind. A small library lets a compiler write
    a kernel for each pattern (PCONV, arXiv 1909.05073).

    Args:
        patterns: Tuple of patterns, each a tuple of places from 0 to 8, row
            by row, all of the same length. Defaults to all 56 patterns of
            four places of which one is the centre.

    Raises:
        ValueError: If the patterns are not of that kind.
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
                "Expected patterns of one length, each of different places "
                f"from 0 to 8. Received: {self.patterns}."
            )

    @classmethod
    def learned(cls, model, size=8, entries=4, include=None, exclude=None):
        """Returns a library of the patterns that a model's windows have most.

        A window's pattern are its `entries` places of largest magnitude, the
        centre always among them.

        Args:
            model: Keras model, built and trained.
            size: Integer, the number of patterns. Defaults to `8`.
            entries: Integer, places that stay. Defaults to `4`.
            include: See `selection.select`. Defaults to `None`.
            exclude: See `selection.select`. Defaults to `None`.

        Raises:
            ValueError: If the model has no 3x3 windows to learn from.
        """
        found = collections.Counter()
        for weight in select(model, include, exclude).chosen:
            if _no_window(weight) is None:
                w = backend.to_host(weight.variable).astype("float32")
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
        # The first of equally frequent ones, whatever the order of windows.
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
        for row, places in zip(library, self.patterns):
            row[list(places)] = 1.0
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
