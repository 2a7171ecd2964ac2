"""The grids by name; a new one registers itself here."""

from collections.abc import Callable
from typing import TypeVar

from keras_slr.grids.grid import Grid
from keras_slr.registration import registration

GridClass = TypeVar("GridClass", bound=type[Grid])
GRIDS: dict[str, type[Grid]] = {}


def register_grid(
    name: str, package: str = "Custom"
) -> Callable[[GridClass], GridClass]:
    """Registers a grid, so that Keras can save and load it.

    ```python
    @keras_slr.register_grid("five_levels")
    @dataclasses.dataclass(frozen=True)
    class FiveLevels(keras_slr.Grid):
        levels = (0.0, 1.0, 2.0)
    ```

    Args:
        name: String, the name of the grid.
        package: String, the package in the class's serialized name, see
            `keras.saving.register_keras_serializable`. Defaults to
            `"Custom"`.

    Returns:
        Class decorator. It raises a `TypeError` if the class is not a frozen
        dataclass with default values, or not a subclass of `Grid`, and a
        `ValueError` if another class has the name.
    """
    return registration(GRIDS, Grid, name, package)
