"""A product of a layer with its kernel, as a product of matrices.

A kernel is a stack of matrices, one for each group: `Y_g = X_g W_g`. Rows of
`X` are what the layer multiplies with the kernel at one position of one
sample.
"""

import dataclasses
import math

import numpy as np

from keras_slr.layerwise.windows import transposed_windows
from keras_slr.layerwise.windows import windows


@dataclasses.dataclass(frozen=True)
class Layout:
    """How a kernel becomes a stack of matrices.

    Attributes:
        split: Tuple of integers, the shape of the kernel with its groups as
            an axis of their own.
        groups: Tuple of integers, the axes of `split` that count groups.
        inputs: Tuple of integers, the axes over which the product sums.
        outputs: Tuple of integers, the remaining axes.
    """

    split: tuple
    groups: tuple
    inputs: tuple
    outputs: tuple

    def to_matrices(self, kernel):
        """Returns a kernel as an array `(groups, inputs, outputs)`."""
        order = self.groups + self.inputs + self.outputs
        return kernel.reshape(self.split).transpose(order).reshape(self.shape)

    def from_matrices(self, matrices, shape):
        """Reverses `to_matrices` for a kernel of this shape."""
        order = self.groups + self.inputs + self.outputs
        split = matrices.reshape([self.split[axis] for axis in order])
        return split.transpose(np.argsort(order)).reshape(shape)

    @property
    def shape(self):
        """Tuple of three integers: groups, inputs and outputs."""
        return tuple(
            math.prod(self.split[axis] for axis in axes)
            for axes in (self.groups, self.inputs, self.outputs)
        )


class UnknownProduct(ValueError):
    """A kernel is multiplied in a way that is not a product of matrices."""


def layout_of(kind, shape, channels, options):
    """Returns the layout of a kernel in an operation.

    Args:
        kind: String, the operation, see `products_seen_by`.
        shape: Tuple of integers, the shape of the kernel.
        channels: Integer, the number of channels of the inputs.
        options: Dict, the other arguments of the operation.

    Returns:
        `Layout`.

    Raises:
        UnknownProduct: If the operation is no product of matrices.
    """
    rank = len(shape)
    if kind == "split":
        raise UnknownProduct("a kernel in pieces that read different inputs")
    if kind == "einsum":
        return _layout_of_einsum(shape, *options["terms"])
    if kind in ("matmul", "dot"):
        if rank != 2:
            raise UnknownProduct(f"a {kind} with a kernel of {rank} axes")
        return Layout(shape, (), (0,), (1,))
    window = tuple(range(rank - 2))
    if kind == "depthwise_conv":
        return Layout(shape, (rank - 2,), window, (rank - 1,))
    if kind == "conv_transpose":
        return Layout(shape, (), (*window, rank - 1), (rank - 2,))
    groups = channels // shape[-2]
    split = (*shape[:-1], groups, shape[-1] // groups)
    return Layout(split, (rank - 1,), (*window, rank - 2), (rank,))


def rows_of(kind, x, shape, options):
    """Returns the inputs of a product as an array `(groups, rows, inputs)`.

    Args:
        kind: String, the operation, see `products_seen_by`.
        x: NumPy array, its inputs; samples lie along the first axis, and
            their rows follow each other.
        shape: Tuple of integers, the shape of the kernel.
        options: Dict, the other arguments of the operation.

    Raises:
        UnknownProduct: If the operation is no product of matrices.
    """
    if kind == "einsum":
        return _rows_of_einsum(x, *options["terms"])
    if kind in ("matmul", "dot"):
        return x.reshape(1, -1, x.shape[-1])
    if options["data_format"] == "channels_first":
        x = np.moveaxis(x, 1, -1)
    sizes = tuple(shape[:-2])
    geometry = (
        sizes,
        _along(options["strides"], sizes),
        _along(options["dilation_rate"], sizes),
        options["padding"].lower(),
    )
    if kind == "conv_transpose":
        more = options["output_padding"]
        found = transposed_windows(
            x, *geometry, None if more is None else _along(more, sizes)
        )
    else:
        found = windows(x, *geometry)
    window = math.prod(sizes)
    found = found.reshape(-1, window, x.shape[-1])
    if kind == "depthwise_conv":
        return np.moveaxis(found, -1, 0)
    groups = 1 if kind == "conv_transpose" else x.shape[-1] // shape[-2]
    found = found.reshape(len(found), window, groups, -1)
    return np.moveaxis(found, 2, 0).reshape(groups, len(found), -1)


def outputs_as_rows(kind, y, layout, options):
    """Returns the outputs of a product as an array `(groups, rows, outputs)`.

    Args:
        kind: String, the operation, see `products_seen_by`.
        y: NumPy array, its outputs.
        layout: `Layout` of the kernel.
        options: Dict, the other arguments of the operation.
    """
    if kind == "einsum":
        return _outputs_of_einsum(y, *options["terms"])
    if options.get("data_format") == "channels_first":
        y = np.moveaxis(y, 1, -1)
    groups, _, outputs = layout.shape
    return np.moveaxis(y.reshape(-1, groups, outputs), 1, 0)


def rows_key(kind, shape, options):
    """Returns what `rows_of` depends on, beside the inputs themselves."""
    if kind in ("matmul", "dot"):
        return ("matmul",)
    if kind == "einsum":
        term, kernel, result = options["terms"]
        shared = tuple(c for c in kernel if c in term)
        return kind, term, shared, tuple(c in result for c in shared)
    geometry = tuple(shape[:-2]), shape[-2] if kind == "conv" else None
    return kind, *geometry, str(sorted(options.items()))


def channels_of(kind, x, options):
    """Returns the number of channels of an operation's inputs."""
    first = options.get("data_format") == "channels_first"
    return x.shape[1 if first else -1]


def _along(number, sizes):
    return tuple(number) if np.ndim(number) else (number,) * len(sizes)


def _layout_of_einsum(shape, x, kernel, result):
    kinds = {letter: (letter in x, letter in result) for letter in kernel}
    axes = {
        role: tuple(i for i, c in enumerate(kernel) if kinds[c] == role)
        for role in ((True, True), (True, False), (False, True))
    }
    if "." in kernel or sum(map(len, axes.values())) != len(shape):
        raise UnknownProduct(f"an einsum with a kernel of axes '{kernel}'")
    return Layout(
        tuple(shape), axes[True, True], axes[True, False], axes[False, True]
    )


def _rows_of_einsum(x, term, kernel, result):
    term, result = _without_dots(x.ndim, term, result)
    shared = [c for c in kernel if c in term]
    groups = [c for c in shared if c in result]
    inputs = [c for c in shared if c not in result]
    positions = [c for c in term if c not in kernel]
    if any(c not in result for c in positions):
        raise UnknownProduct(f"an einsum that sums its inputs over '{term}'")
    order = [term.index(c) for c in (*groups, *positions, *inputs)]
    sizes = [x.shape[axis] for axis in order]
    g, p = len(groups), len(groups) + len(positions)
    return x.transpose(order).reshape(
        math.prod(sizes[:g]), math.prod(sizes[g:p]), math.prod(sizes[p:])
    )


def _outputs_of_einsum(y, term, kernel, result):
    result, term = _without_dots(y.ndim, result, term)
    groups = [c for c in kernel if c in term and c in result]
    outputs = [c for c in kernel if c not in term]
    positions = [c for c in term if c not in kernel]
    order = [result.index(c) for c in (*groups, *positions, *outputs)]
    sizes = [y.shape[axis] for axis in order]
    g, p = len(groups), len(groups) + len(positions)
    return y.transpose(order).reshape(
        math.prod(sizes[:g]), math.prod(sizes[g:p]), math.prod(sizes[p:])
    )


def _without_dots(rank, term, other):
    """Names the axes that an ellipsis stands for, which are positions."""
    if "..." not in term:
        return term, other
    taken = term + other
    free = [c for c in map(chr, range(ord("A"), ord("Z"))) if c not in taken]
    dots = "".join(free[: rank - len(term) + 3])
    return term.replace("...", dots), other.replace("...", dots)
