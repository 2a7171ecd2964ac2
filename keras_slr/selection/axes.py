"""What the axes of a kernel are: inputs, outputs and places of a window."""

import dataclasses
import math

from keras import layers

_CONVOLUTIONS = (layers.Conv1D, layers.Conv2D, layers.Conv3D)
_TRANSPOSES = (
    layers.Conv1DTranspose,
    layers.Conv2DTranspose,
    layers.Conv3DTranspose,
)
_DEPTHWISE = (layers.DepthwiseConv1D, layers.DepthwiseConv2D)
_SEPARABLE = (layers.SeparableConv1D, layers.SeparableConv2D)
_RECURRENT = (layers.SimpleRNNCell, layers.GRUCell, layers.LSTMCell)


@dataclasses.dataclass(frozen=True)
class Axes:
    """The roles of a kernel's axes.

    Attributes:
        outputs: Tuple of integers, the axes along which the filters lie.
        inputs: Tuple of integers, the axes that are summed over, without
            those of the window. Empty for depthwise kernels.
        window: Tuple of integers, the axes of a convolution's window.
    """

    outputs: tuple
    inputs: tuple
    window: tuple = ()

    def sizes(self, shape):
        """Returns the numbers of outputs, inputs and places of the window."""
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
        """Returns what `to_matrix` was given, of this shape."""
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
        `Axes`, or `None` where they are not known.
    """
    window = tuple(range(rank - 2))
    inputs, outputs = (rank - 2,), (rank - 1,)
    if isinstance(layer, layers.EinsumDense):
        return _of_equation(layer.equation)
    if isinstance(layer, _TRANSPOSES):
        return Axes(inputs, outputs, window)
    if isinstance(layer, _DEPTHWISE) or name == "depthwise_kernel":
        return Axes(inputs + outputs, (), window)
    if isinstance(layer, (layers.Dense, layers.Embedding, *_RECURRENT)):
        return Axes(outputs, inputs)
    if isinstance(layer, _CONVOLUTIONS + _SEPARABLE) or type(
        layer
    ).__name__.startswith("ConvLSTM"):
        return Axes(outputs, inputs, window)
    return None


def _of_equation(equation):
    operands, result = equation.replace(" ", "").split("->")
    kernel = operands.split(",")[1]
    axes = range(len(kernel))
    return Axes(
        outputs=tuple(axis for axis in axes if kernel[axis] in result),
        inputs=tuple(axis for axis in axes if kernel[axis] not in result),
    )
