"""The base class of solvers of layer problems, and their names."""

from collections.abc import Callable
from typing import ClassVar
from typing import TypeVar

import numpy as np

from keras_slr.layerwise.problem import LayerProblem
from keras_slr.record import Record
from keras_slr.registration import registration
from keras_slr.structures import Structure


class LayerSolver(Record):
    """Finds a sparse kernel whose layer gives nearly the same outputs.

    A subclass is a frozen dataclass of its hyperparameters. It implements
    `solve`, a pure function of the problem.

    Attributes:
        needs_samples: Boolean, whether `solve` reads `problem.samples`.
        uses_damping: Boolean, whether the damping changes what `solve` finds.
            If not, no damping is searched for.
        fits_support: Boolean, whether what `solve` finds is the least-squares
            solution on its support. If so, only least squares is repeated
            when the rows that were held out join the others.
    """

    needs_samples: ClassVar[bool] = False
    uses_damping: ClassVar[bool] = True
    fits_support: ClassVar[bool] = False

    @property
    def chooses_rate(self) -> bool:
        """Whether `solve` decides itself how many entries become zero."""
        return False

    def refusal(self, structure: Structure) -> str | None:
        """Returns why the solver cannot prune in a structure, or `None`."""
        del structure
        return None

    def solve(self, problem: LayerProblem) -> np.ndarray:
        """Returns the sparse kernel, a float64 array like `problem.target`."""
        raise NotImplementedError


SolverClass = TypeVar("SolverClass", bound=type[LayerSolver])
LAYER_SOLVERS: dict[str, type[LayerSolver]] = {}


def register_layer_solver(
    name: str, package: str = "Custom"
) -> Callable[[SolverClass], SolverClass]:
    """Registers a solver of layer problems. See `register_solver`.

    Args:
        name: String, the name for `prune_layerwise(method=...)`.
        package: String, the package in the class's serialized name.
            Defaults to `"Custom"`.

    Returns:
        Class decorator, which raises the errors of `register_solver`.
    """
    return registration(LAYER_SOLVERS, LayerSolver, name, package)
