"""Two values: one magnitude with both signs."""

import dataclasses

from keras_slr.grids.grid import Grid
from keras_slr.grids.registry import register_grid
from keras_slr.record import PACKAGE


@register_grid("binary", PACKAGE)
@dataclasses.dataclass(frozen=True)
class Binary(Grid):
    """Plus or minus the step.

    Pruned entries are zero, and entries that are exactly zero stay zero. No
    other entry becomes zero. The least-squares step is the mean magnitude of
    the kept entries that are not zero, as in XNOR-Net (arXiv 1603.05279).

    Args:
        per: See `Grid`. Defaults to `"channel"`.

    Raises:
        ValueError: If `per` is unknown.
    """

    per: str = "channel"

    levels = (1.0,)
