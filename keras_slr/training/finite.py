"""The check that weights are finite numbers."""

from keras_slr.training.arrays import arrays_for


class NonFiniteError(ValueError):
    """A weight has NaN or infinite entries."""


def check_finite(variable, path):
    """Raises a `NonFiniteError` if a weight has NaN or infinite entries.

    Args:
        variable: Keras variable.
        path: String, its name in the error.
    """
    if not arrays_for([variable]).finite(variable):
        raise NonFiniteError(
            f"Expected finite weights to prune. Received NaN or Inf in "
            f"`{path}`: check the data for NaN, or lower the learning rate."
        )
