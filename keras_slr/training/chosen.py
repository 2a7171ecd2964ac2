"""What a projection chooses for a weight: a mask, or the point itself."""

import keras
import ml_dtypes
from keras import ops

from keras_slr.backend import apply_mask
from keras_slr.backend import is_zero_outside

# A step adds to a weight and takes the same from it again, in the precision of
# the weight, or of its point in float32 if that is lower.
ROUNDINGS = 4


def is_mask(chosen):
    """Returns whether `chosen` is a mask and not a point.

    Args:
        chosen: Array, NumPy or of the backend.
    """
    return keras.backend.standardize_dtype(chosen.dtype) == "bool"


def set_chosen(variable, chosen):
    """Moves a variable to what a projection chose for it.

    Args:
        variable: Keras variable.
        chosen: Boolean array of the entries to keep, or float array of the
            variable's shape, its new values.
    """
    if is_mask(chosen):
        apply_mask(variable, chosen)
    else:
        variable.assign(ops.cast(chosen, variable.dtype))


def holds(variable, chosen):
    """Returns whether a variable is what a projection chose for it.

    Args:
        variable: See `set_chosen`.
        chosen: See `set_chosen`. Of a mask, only the zeros have to be there.
    """
    if is_mask(chosen):
        return is_zero_outside(variable, chosen)
    w = ops.cast(variable.value, "float32")
    z = ops.convert_to_tensor(chosen, "float32")
    eps = max(
        float(ml_dtypes.finfo(dtype).eps)
        for dtype in (variable.dtype, "float32")
    )
    most = ops.max(ops.absolute(z)) * ROUNDINGS * eps
    return bool(ops.all(ops.absolute(w - z) <= most))
