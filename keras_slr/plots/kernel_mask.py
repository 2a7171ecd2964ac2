"""A picture of the entries of a kernel that are not zero."""

import keras
import numpy as np
from matplotlib.axes import Axes

from keras_slr.plots.axes import new_axes

# With more windows than this, grid lines would hide the entries.
_LINES = 64


def kernel_mask(
    kernel: keras.Variable | np.ndarray, ax: Axes | None = None
) -> Axes:
    """Draws a kernel's entries: dark where they are kept, white where zero.

    A row is an input and a column is an output, as in the kernel of a Dense
    layer. For a convolution, each of these cells shows a window.

    Args:
        kernel: Keras variable or array of shape `(..., inputs, outputs)`,
            with the dimensions of the window in front, if there are any.
        ax: Matplotlib axes. Defaults to `None`, those of a new figure.

    Returns:
        Matplotlib axes with one image of shape
        `(inputs * height, outputs * width)`.

    Raises:
        ValueError: If the kernel has less than two dimensions.
    """
    w = keras.ops.convert_to_numpy(kernel)
    if w.ndim < 2:
        raise ValueError(
            "Expected a kernel of shape (..., inputs, outputs). Received the "
            f"shape {w.shape}: pass a kernel, not a bias."
        )
    inputs, outputs = w.shape[-2:]
    width = w.shape[-3] if w.ndim > 2 else 1
    kept = (w != 0).reshape(-1, width, inputs, outputs)
    height = len(kept)
    picture = kept.transpose(2, 0, 3, 1).reshape(
        inputs * height, outputs * width
    )
    ax = new_axes((4.5, 4.5)) if ax is None else ax
    # The corner of the first window is the origin, and each window one unit.
    ax.imshow(
        picture,
        cmap="gray_r",
        vmin=0,
        vmax=1.3,
        interpolation="nearest",
        extent=(0, outputs, inputs, 0),
        aspect="auto" if max(inputs, outputs) > 4 * min(inputs, outputs) else 1,
    )
    if height * width > 1 and max(inputs, outputs) <= _LINES:
        ax.vlines(np.arange(outputs + 1), 0, inputs, color="C0", lw=0.5)
        ax.hlines(np.arange(inputs + 1), 0, outputs, color="C0", lw=0.5)
    ax.set_xlabel("output")
    ax.set_ylabel("input")
    return ax
