"""The roles of a kernel's axes: inputs, outputs and window positions."""

import dataclasses
import math

from keras_slr.models.layer_table import Family
from keras_slr.models.layer_table import kernel_families


@dataclasses.dataclass(frozen=True)
class Axes:
    """The roles of a kernel's axes.

    Attributes:
        outputs: Tuple of integers, the axes along which the filters lie.
        inputs: Tuple of integers, the axes over which the layer sums, except
            for those of the window. Empty for depthwise kernels.
        window: Tuple of integers, the axes of a convolution's window.
    """

    outputs: tuple
    inputs: tuple
    window: tuple = ()

    def sizes(self, shape):
        """Returns the numbers of outputs, inputs and window positions."""
        return tuple(
            math.prod(shape[axis] for axis in axes)
            for axes in (self.outputs, self.inputs, self.window)
        )

    def to_matrix(self, xp, w):
        """Returns a kernel as `(outputs, inputs, window)`.

        Args:
            xp: `numpy` or `keras.ops`.
            w: Array of the kernel's shape.
        """
        order = self.outputs + self.inputs + self.window
        return xp.reshape(xp.transpose(w, order), self.sizes(w.shape))

    def from_matrix(self, xp, matrix, shape):
        """Reverses `to_matrix` for a kernel of this shape."""
        order = self.outputs + self.inputs + self.window
        w = xp.reshape(matrix, tuple(shape[axis] for axis in order))
        back = sorted(range(len(order)), key=order.__getitem__)
        return xp.transpose(w, back)


def axes_of(layer, name, rank):
    """Returns the roles of the axes of a layer's kernel.

    Args:
        layer: Keras layer that owns the kernel.
        name: String, the kernel's own name.
        rank: Integer, the number of its axes.

    Returns:
        `Axes`, or `None` if they are unknown.
    """
    kernels = kernel_families(layer)
    # The axes of other weights, as LoRA adds, are those of the kernel.
    family = kernels.get(name, next(reversed(kernels.values()), None))
    if name == "depthwise_kernel":
        family = Family.DEPTHWISE
    if family is None:
        return None
    if family is Family.EINSUM:
        return _of_equation(layer.equation)
    window = tuple(range(rank - 2))
    second_last, last = (rank - 2,), (rank - 1,)
    if family is Family.DEPTHWISE:
        return Axes(outputs=second_last + last, inputs=(), window=window)
    if family is Family.TRANSPOSE:
        return Axes(outputs=second_last, inputs=last, window=window)
    return Axes(outputs=last, inputs=second_last, window=window)


def _of_equation(equation):
    operands, result = equation.replace(" ", "").split("->")
    kernel = operands.split(",")[1]
    axes = range(len(kernel))
    return Axes(
        outputs=tuple(axis for axis in axes if kernel[axis] in result),
        inputs=tuple(axis for axis in axes if kernel[axis] not in result),
    )
