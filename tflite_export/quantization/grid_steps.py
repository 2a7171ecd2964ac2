"""The step of weights that are multiples of one already.

Weights that were trained on a grid, by `keras_slr.Quantize` and others, are
small integers times a step. With another step, such as a share of the largest
magnitude, they would be rounded once more.
"""

import numpy as np

# Distance from an integer that rounding in float32 explains. Other weights that
# come as close are stored with an error below this share of a step.
_CLOSE = 1e-4


def grid_step(values, largest):
    """Returns the step of which all values are multiples.

    Args:
        values: Array of numbers, as precise as float32.
        largest: Integer, the largest magnitude of the integers.

    Returns:
        Float32 number, the largest such step, or `None`. Products of the
        integers with it, in float32, are the values themselves wherever one
        step gives all of them.
    """
    values = np.asarray(values, "float32")
    magnitudes = np.unique(np.abs(values[values != 0])).astype("float64")
    if not magnitudes.size:
        return None
    for k in range(1, largest + 1):
        integers = magnitudes * (k / magnitudes[-1])
        rounded = np.round(integers)
        close = np.abs(integers - rounded) <= _CLOSE
        if close.all() and rounded[0] > 0:
            return _exact(magnitudes.astype("float32"), rounded)
    return None


def _exact(magnitudes, integers):
    """Returns the step whose products equal the most magnitudes."""
    integers = integers.astype("float32")
    found = np.unique(magnitudes / integers)
    near = [np.nextafter(found, np.float32(to)) for to in (0, np.inf)]
    steps = np.unique(np.concatenate([found, *near]))
    equal = [np.count_nonzero(s * integers == magnitudes) for s in steps]
    return steps[int(np.argmax(equal))]
