"""One kernel to solve for, with the entries that may stay."""

import dataclasses
from typing import Any

import numpy as np

from keras_slr.layerwise.products import Layout
from keras_slr.layerwise.solvers.solver import LayerSolver
from keras_slr.selection.kernels import Weight


@dataclasses.dataclass(frozen=True)
class _Form:
    """What a structure asks a `selection.Weight` for.

    Attributes:
        path: String.
        shape: Tuple of integers.
        size: Integer, the number of entries.
        axes: `selection.axes.Axes`.
    """

    path: str
    shape: tuple
    size: int
    axes: Any


@dataclasses.dataclass(frozen=True)
class Nearest:
    """The projection onto a constraint, for kernels as matrices.

    Attributes:
        constraint: `Constraint` on a single weight.
        layout: `Layout` of its kernel.
        shape: Tuple of integers, the shape of the kernel.
    """

    constraint: Any
    layout: Layout
    shape: tuple

    def __getstate__(self):
        """Returns what another process needs: no layer, which may be large."""
        forms = tuple(
            _Form(w.path, w.shape, w.size, w.axes)
            for w in self.constraint.weights
        )
        constraint = dataclasses.replace(self.constraint, weights=forms)
        return vars(self) | {"constraint": constraint}

    def __call__(self, w):
        kernel = self.layout.from_matrices(w, self.shape)
        (mask,) = self.constraint.nearest([kernel])
        return self.layout.to_matrices(mask)


@dataclasses.dataclass(frozen=True)
class Fixed:
    """A support that is given, as a projection.

    Attributes:
        mask: Boolean array `(groups, inputs, outputs)`.
    """

    mask: np.ndarray

    def __call__(self, w):
        del w
        return self.mask


@dataclasses.dataclass(frozen=True)
class Job:
    """A kernel to solve for.

    Attributes:
        weight: `selection.Weight`.
        solver: `LayerSolver`.
        constraint: `Constraint` on the weight alone, or `None` if `mask` is
            given.
        mask: Boolean array of the kernel's shape, or `None`.
    """

    weight: Weight
    solver: LayerSolver
    constraint: Any = None
    mask: np.ndarray | None = None

    @property
    def key(self):
        """Integer, the id of the kernel."""
        return id(self.weight.variable)

    @property
    def rate(self):
        """Float, the share of zeros that is asked for."""
        if self.mask is None:
            return self.constraint.rate
        return 1.0 - float(np.mean(self.mask))

    @property
    def structure(self):
        """The `Structure` of the zeros, or `None` for a given support."""
        return None if self.mask is not None else self.constraint.structure

    def nearest(self, layout):
        """Returns the projection for kernels of a layout."""
        if self.mask is not None:
            return Fixed(layout.to_matrices(self.mask))
        return Nearest(self.constraint, layout, self.weight.shape)
