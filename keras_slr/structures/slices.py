"""Columns and kernels: slices of a weight as `(outputs, inputs, window)`."""

import dataclasses
from typing import ClassVar

from keras_slr.record import PACKAGE
from keras_slr.structures.registry import register_structure
from keras_slr.structures.structure import Structure


class _Slices(Structure):
    """Slices of the matrix along some of its axes.

    Attributes:
        along: Tuple of integers, the axes of the matrix that a slice spans.
    """

    along: ClassVar[tuple[int, ...]] = ()

    def _kept_shape(self, weight):
        sizes = weight.axes.sizes(weight.shape)
        return tuple(
            1 if axis in self.along else size for axis, size in enumerate(sizes)
        )

    def units(self, weight):
        outputs, inputs, window = self._kept_shape(weight)
        return outputs * inputs * window

    def scores(self, xp, values, weight):
        matrix = weight.axes.to_matrix(xp, values[0])
        return xp.reshape(
            xp.sqrt(xp.sum(matrix * matrix, axis=self.along)), (-1,)
        )

    def entries(self, xp, kept, weight):
        matrix = xp.broadcast_to(
            xp.reshape(kept, self._kept_shape(weight)),
            weight.axes.sizes(weight.shape),
        )
        return [weight.axes.from_matrix(xp, matrix, weight.shape)]


@register_structure("column", PACKAGE)
@dataclasses.dataclass(frozen=True)
class Column(_Slices):
    """Columns: one input at one window position, for all outputs.

    A column of the matrix by which im2col computes a convolution.
    """

    along = (0,)


@register_structure("kernel", PACKAGE)
@dataclasses.dataclass(frozen=True)
class Kernel(_Slices):
    """Kernels: the whole window between one input and one output."""

    along = (2,)

    def refusal(self, weight):
        unknown = super().refusal(weight)
        if unknown is not None:
            return unknown
        if weight.axes.sizes(weight.shape)[2] == 1:
            return "its window has a single position"
        return None
