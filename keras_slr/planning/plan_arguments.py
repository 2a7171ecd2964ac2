"""The keyword arguments of `Plan` that other functions pass on to it."""

from typing import TypedDict

from keras_slr.allocation.allocations import Allocation
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
