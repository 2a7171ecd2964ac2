"""Cuts the units that are zero out of a model."""

import keras

from keras_slr.shrinking.removable_units import plan
from keras_slr.shrinking.report import ShrinkReport
from keras_slr.shrinking.smaller_model import Surgeon


def shrink(model: keras.Model, round_to: int | None = None) -> keras.Model:
    """Builds a smaller model with the same function.

    Filters, channels, neurons and attention heads that are zero, or that
    nothing reads, are cut out of a copy. A unit with another constant value
    is cut if the constant can move to the biases of the layers that read it.
    At inference the small model has the same outputs, up to rounding.
    `shrink_report` says what stays and why.

    The small model is a plain Keras model with the same layers and names. It
    is not compiled: compile it before further training.

    Args:
        model: Built Functional or Sequential model, which is not changed.
        round_to: Integer. Enough zero units stay, if there are any, to make
            the width of each group a multiple of it. It is better to choose
            widths when you prune: see `round_to` of `Filter`. Defaults to
            `None`.

    Returns:
        Keras model, Sequential if the given one is, else Functional.

    Raises:
        TypeError: If the model is not a Keras 3 model.
        ValueError: If the model is not built, its graph is not known, a
            layer cannot be rebuilt from its config, or `round_to` is not
            a positive integer.

    Example:

    ```python
    keras_slr.hard_prune(model, 0.3, structure=keras_slr.Filter())
    small = keras_slr.shrink(model)
    print(keras_slr.summary_diff(model, small))
    ```
    """
    return Surgeon(plan(model, round_to)).rebuild(model)


def shrink_report(
    model: keras.Model, round_to: int | None = None
) -> ShrinkReport:
    """Reports what `shrink` would cut out of a model, and why the rest stays.

    Args:
        model: See `shrink`.
        round_to: See `shrink`. Defaults to `None`.

    Returns:
        `ShrinkReport`.

    Raises:
        TypeError: If the model is not a Keras 3 model.
        ValueError: See `shrink`.
    """
    return ShrinkReport.of(plan(model, round_to))
