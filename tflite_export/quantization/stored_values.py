"""Quantizes real numbers as a TFLite tensor stores them, and back."""

import numpy as np


def stored(x, details):
    """Returns real numbers as a tensor of a file stores them.

    Args:
        x: Array.
        details: Dict with `"dtype"` and `"quantization"`, the scale and the
            zero point, as an interpreter gives it; without a scale numbers
            are stored as they are.
    """
    scale, zero_point = details["quantization"]
    dtype = np.dtype(details["dtype"])
    if scale:
        limits = np.iinfo(dtype)
        x = np.clip(np.round(x / scale + zero_point), limits.min, limits.max)
    return x.astype(dtype)


def real(y, details):
    """Returns the real numbers that a tensor of a file represents.

    Args:
        y: Array of the tensor's type.
        details: See `stored`.
    """
    scale, zero_point = details["quantization"]
    return (y.astype("float32") - zero_point) * scale if scale else y
