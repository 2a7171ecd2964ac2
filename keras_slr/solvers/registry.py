"""The pruning methods by name; a new one registers itself here."""

from collections.abc import Callable
from typing import TypeVar

from keras_slr.registration import registration
from keras_slr.solvers.solver import Solver

SolverClass = TypeVar("SolverClass", bound=type[Solver])
SOLVERS: dict[str, type[Solver]] = {}


def register_solver(
    name: str, package: str = "Custom"
) -> Callable[[SolverClass], SolverClass]:
    """Registers a pruning method.

    The class decorator makes Keras able to save and load the method, and
    recipes and `keras-slr prune --method` find it by name.

    ```python
    @keras_slr.register_solver("my_method")
    @dataclasses.dataclass(frozen=True)
    class MyMethod(keras_slr.Solver):
        ...
    ```

    Args:
        name: String, the name in recipes and on the command line.
        package: String, the package in the class's serialized name, see
            `keras.saving.register_keras_serializable`. Defaults to
            `"Custom"`.

    Returns:
        Class decorator. It raises a `TypeError` if the class is not a frozen
        dataclass with default values, or not a subclass of `Solver`, and a
        `ValueError` if another class has the name.
    """
    return registration(SOLVERS, Solver, name, package)
