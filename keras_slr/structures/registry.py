"""The structures by name; a new one registers itself here."""

from collections.abc import Callable
from typing import TypeVar

from keras_slr.registration import registration
from keras_slr.structures.structure import Structure

StructureClass = TypeVar("StructureClass", bound=type[Structure])
STRUCTURES: dict[str, type[Structure]] = {}


def register_structure(
    name: str, package: str = "Custom"
) -> Callable[[StructureClass], StructureClass]:
    """Registers a sparsity structure.

    The class decorator makes Keras able to save and load the structure, and
    recipes and `keras-slr prune --structure` find it by name.

    ```python
    @keras_slr.register_structure("my_structure")
    @dataclasses.dataclass(frozen=True)
    class MyStructure(keras_slr.Structure):
        ...
    ```

    Args:
        name: String, the name in recipes and on the command line.
        package: String, the package in the class's serialized name, see
            `keras.saving.register_keras_serializable`. Defaults to
            `"Custom"`.

    Returns:
        Class decorator. It raises a `TypeError` if the class is not a frozen
        dataclass with default values, or not a subclass of `Structure`, and
        a `ValueError` if another class has the name.
    """
    return registration(STRUCTURES, Structure, name, package)
