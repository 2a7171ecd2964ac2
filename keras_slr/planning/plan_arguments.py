"""The keyword arguments of `Plan` that other functions pass on to it."""

from collections.abc import Iterable
from typing import TypedDict

from keras_slr.allocation.allocations import Allocation
from keras_slr.grids import Grid
from keras_slr.planning.budget import Budget
from keras_slr.selection.selectors import Selectors
from keras_slr.structures.constrain import Structures


class PlanArguments(TypedDict, total=False):
    """All arguments of `Plan` but the rate."""

    include: Selectors | None
    exclude: Selectors | None
    structure: Structures | None
    allocation: Allocation | None
    budget: Budget | None
    target: str | None
    constraint: Grid | None


def check_names(function: str, given: Iterable[str]) -> None:
    """Checks the names of arguments that a function passes on to `Plan`.

    Args:
        function: String, the name of the function that the user called.
        given: Names of the arguments.

    Raises:
        TypeError: If there is no argument of that name.
    """
    known = PlanArguments.__annotations__
    unknown = [name for name in given if name not in known]
    if unknown:
        raise TypeError(
            f"Expected an argument that `{function}` has. Received: "
            f"`{unknown[0]}`; what to prune is given by `rate`, "
            f"{', '.join(f'`{name}`' for name in known)}."
        )
