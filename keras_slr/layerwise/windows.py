"""The windows of a convolution: the inputs of each of its outputs."""

import numpy as np


def windows(x, sizes, strides, dilations, padding):
    """Returns what a convolution multiplies with its kernel, as a view.

    Args:
        x: Array of shape `(batch, *spatial, channels)`.
        sizes: Tuple of integers, the size of the kernel along each axis.
        strides: Tuple of integers.
        dilations: Tuple of integers.
        padding: `"valid"`, `"same"`, or a list of pairs of integers, the
            zeros before and after each axis.

    Returns:
        Array of shape `(batch, *positions, *sizes, channels)`.
    """
    if padding == "same":
        padding = [
            _same(n, size, stride, dilation)
            for n, size, stride, dilation in zip(
                x.shape[1:-1], sizes, strides, dilations
            )
        ]
    if padding != "valid":
        x = np.pad(x, [(0, 0), *padding, (0, 0)])
    spatial = tuple(range(1, x.ndim - 1))
    spans = [(k - 1) * d + 1 for k, d in zip(sizes, dilations)]
    view = np.lib.stride_tricks.sliding_window_view(x, spans, spatial)
    picked = (
        slice(None),
        *(slice(None, None, stride) for stride in strides),
        slice(None),
        *(slice(None, None, dilation) for dilation in dilations),
    )
    return np.moveaxis(view[picked], len(spatial) + 1, -1)


def _same(n, size, stride, dilation):
    """Returns the zeros before and after an axis for `padding="same"`."""
    positions = -(-n // stride)
    span = (size - 1) * dilation + 1
    total = max((positions - 1) * stride + span - n, 0)
    return total // 2, total - total // 2


def transposed_windows(
    x, sizes, strides, dilations, padding, output_padding=None
):
    """Returns what a transposed convolution multiplies with its kernel.

    Args:
        x: See `windows`.
        sizes: See `windows`.
        strides: See `windows`.
        dilations: See `windows`.
        padding: `"valid"` or `"same"`.
        output_padding: Tuple of integers. Defaults to `None`, as in Keras.

    Returns:
        See `windows`.
    """
    if output_padding is None:
        output_padding = [None] * len(sizes)
    spread = np.zeros(
        (
            len(x),
            *((n - 1) * s + 1 for n, s in zip(x.shape[1:-1], strides)),
            x.shape[-1],
        ),
        x.dtype,
    )
    spread[(slice(None), *(slice(None, None, s) for s in strides))] = x
    around = [
        _transposed(size, stride, dilation, padding, more)
        for size, stride, dilation, more in zip(
            sizes, strides, dilations, output_padding
        )
    ]
    ones = (1,) * len(sizes)
    found = windows(spread, sizes, ones, dilations, around)
    # The kernel goes the other way round.
    axes = tuple(range(1 + len(sizes), 1 + 2 * len(sizes)))
    return np.flip(found, axes)


def _transposed(size, stride, dilation, padding, output_padding):
    """Returns the zeros before and after an axis whose inputs are spread."""
    span = (size - 1) * dilation + 1
    if padding == "valid":
        more = (
            max(stride - span, 0) if output_padding is None else output_padding
        )
        return span - 1, span - 1 + more
    if output_padding is None:
        total = stride + span - 2
    else:
        total = span + span % 2 - 2 + output_padding
    before = min(total // 2 + total % 2, span - 1)
    return before, total - before
