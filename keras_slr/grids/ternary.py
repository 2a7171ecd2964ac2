"""Three values: zero and one magnitude with both signs."""

import dataclasses

from keras_slr.grids.grid import Grid
from keras_slr.grids.registry import register_grid
from keras_slr.record import PACKAGE


@register_grid("ternary", PACKAGE)
@dataclasses.dataclass(frozen=True)
class Ternary(Grid):
    """Zero, the step and minus the step.

    Ternary weight networks (arXiv 1605.04711) have these values. That paper
    approximates the best step by the mean magnitude. Here least squares
    finds it, see `grids.fit`.

    Args:
        per: See `Grid`. Defaults to `"channel"`.

    Raises:
        ValueError: If `per` is unknown.
    """

    per: str = "channel"

    levels = (0.0, 1.0)
