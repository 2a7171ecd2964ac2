"""Cuts what is zero out of a model."""

import keras

from keras_slr.shrinking.cut import plan
from keras_slr.shrinking.report import ShrinkReport
from keras_slr.shrinking.surgery import Surgeon


def shrink(model: keras.Model, round_to: int | None = None) -> keras.Model:
    """Builds a smaller model with the same function.

    Filters, channels, neurons and attention heads that are zero, or that
    nothing reads, are cut out of a copy. A unit that holds another constant
    is cut where the constant can move to the biases of what reads it. At
    inference the small model has the outputs of the given one, up to
    rounding. What cannot be cut stays whole; `shrink_report` tells why.

    The small model is a plain Keras model of the same layers and names. It
    is not compiled: compile it to train on.

    Args:
        model: Built Functional or Sequential model, which is not changed.
        round_to: Integer; of the units that could go, as many stay as it
            takes to make the width of each group a multiple, as far as there
            are some. Widths that a runtime likes are better chosen before:
            see `round_width`. Defaults to `None`.

    Returns:
        Keras model, Sequential if the given one is, else Functional.

    Raises:
        TypeError: If the model is not a Keras 3 model.
        ValueError: If the model is not built, its graph is not known, a
            layer cannot be made again from its config, or `round_to` is not
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
    """Tells what `shrink` would cut out of a model, and what not and why.

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
