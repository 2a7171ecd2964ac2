"""Checks the grid that a user passes as `constraint`."""

from typing import Any

from keras_slr.grids.grid import Grid


def check_grid(constraint: Any) -> None:
    """Raises a `TypeError` unless `constraint` is a `Grid` or `None`."""
    if constraint is None or isinstance(constraint, Grid):
        return
    advice = "pass one, such as `keras_slr.Quantize(bits=4)`, or `None`"
    if isinstance(constraint, type) and issubclass(constraint, Grid):
        advice = f"create an instance, `{constraint.__name__}()`"
    raise TypeError(
        "Expected `constraint` to be a `keras_slr.Grid`, the values that "
        f"kept entries may have. Received: {constraint!r}; {advice}."
    )


def check_no_grid(constraint: Any, what: str, advice: str) -> None:
    """Raises a `ValueError` if there is a grid where none is possible.

    Args:
        constraint: `Grid`, or `None`.
        what: String, what cannot have a grid, with the reason.
        advice: String, what to do, in the imperative.
    """
    if constraint is not None:
        raise ValueError(
            f"Expected no `constraint` beside {what}. Received: "
            f"constraint={constraint}; {advice}."
        )
