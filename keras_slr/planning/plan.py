"""Which weights to prune, how far, and in which structure."""

import dataclasses
from typing import Any

import keras

from keras_slr.allocation import check_allocation
from keras_slr.allocation import check_rate
from keras_slr.allocation import selectors_of
from keras_slr.allocation.allocations import Allocation
from keras_slr.allocation.user_rates import Rate
from keras_slr.grids import Grid
from keras_slr.grids import check_grid
from keras_slr.planning.budget import Budget
from keras_slr.planning.budget import check_budget
from keras_slr.planning.constraints import constraints_of
from keras_slr.planning.targets import check_target
from keras_slr.python_numbers import python_number
from keras_slr.record import Record
from keras_slr.scores.scorer import Scorer
from keras_slr.selection import Reason
from keras_slr.selection import Selection
from keras_slr.selection import Weight
from keras_slr.selection import select
from keras_slr.selection.selectors import Selectors
from keras_slr.selection.selectors import portable
from keras_slr.structures import Constraint
from keras_slr.structures import Refusal
from keras_slr.structures import check_structure
from keras_slr.structures.constrain import Structures


@dataclasses.dataclass(frozen=True)
class Plan:
    """A choice of weights with their rates and structures.

    Args:
        rate: Float in `[0, 1)`, the share of entries or units to set to zero,
            or a dict of such rates by name, `"re:..."`, `"class:..."`, layer
            class or `"default"`; weights that no key matches are left alone.
            Defaults to `None`: the rate that a structure fixes, or `0.9`; with
            a `constraint` `0.0`.
        include: Which weights to prune, see `selection.select`. Defaults to
            the keys of `rate` if that is a dict, else to `"default"`.
        exclude: Which weights to leave alone. Defaults to `None`.
        structure: `structures.Structure`, or a dict of them by selector.
            Defaults to `None`, `Unstructured()`.
        allocation: How a single rate is distributed over layers: `"uniform"`,
            `"erk"`, `"lamp"`, `"balanced"`, `"global"`, `"pooled"`,
            `"flat"`, `"triangular"`, `"relative"`, a `Sensitivity`, or a
            function like those in `keras_slr.allocation.allocations`.
            Defaults to `None`: `"balanced"` for weights that are pruned entry
            by entry, `"uniform"` for others.
        budget: `Budget`, a limit on the cost of the pruned model, instead of
            `rate`. The smallest rate that keeps it is distributed over the
            layers. Defaults to `None`.
        target: String, where the model will run: `"arm"` (also
            `"xnnpack"`), `"x86"`, `"gpu"`, `"int8"`, `"micro"` or `"size"`.
            It replaces `structure`: it chooses the structures that pay there,
            leaves other weights alone, and sets the default rates, see
            `targets`. Defaults to `None`.
        constraint: `Grid`, the values that the kept entries of kernels may
            have, such as `Quantize(bits=4)`. They may be zero, so there may
            be more zeros than the rate asks for; only `Binary()` has exactly
            those. Without a rate, each layer keeps the share of zeros that it
            has. Defaults to `None`: kept entries have any value.

    Raises:
        TypeError: If `structure`, `budget` or `constraint` has another type.
        ValueError: If a rate, an allocation or a target is invalid, or there
            is a budget beside a rate or a target beside a structure.
    """

    rate: Rate | None = None
    include: Selectors | None = None
    exclude: Selectors | None = None
    structure: Structures | None = None
    allocation: Allocation | None = None
    budget: Budget | None = None
    target: str | None = None
    constraint: Grid | None = None

    def __post_init__(self):
        if self.rate is not None:
            check_rate(self.rate)
            object.__setattr__(self, "rate", _in_python(self.rate))
        check_structure(self.structure)
        if self.allocation is not None:
            check_allocation(self.allocation)
        check_budget(self.budget)
        check_grid(self.constraint)
        if self.budget is not None and self.rate is not None:
            raise ValueError(
                "Expected a rate or a budget, from which the rate follows. "
                f"Received both: rate={self.rate!r}, budget={self.budget!r}."
            )
        if isinstance(self.rate, dict) and self.allocation is not None:
            raise ValueError(
                "Expected one rate for `allocation` to distribute. Received "
                f"allocation={self.allocation!r} and a rate per name."
            )
        check_target(self)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments as plain values."""
        rate, structure = self.rate, self.structure
        if isinstance(rate, dict):
            rate = dict(zip(portable(rate), rate.values()))
        if isinstance(structure, dict):
            structure = dict(zip(portable(structure), structure.values()))
        allocation = self.allocation
        if callable(allocation) and not isinstance(allocation, Record):
            raise ValueError(
                "Expected an allocation by name or a `Sensitivity`, which can "
                f"be saved. Received: {allocation!r}."
            )
        return {
            "rate": rate,
            "include": portable(self.include),
            "exclude": portable(self.exclude),
            "structure": keras.saving.serialize_keras_object(structure),
            "allocation": keras.saving.serialize_keras_object(allocation),
            "budget": keras.saving.serialize_keras_object(self.budget),
            "target": self.target,
            "constraint": keras.saving.serialize_keras_object(self.constraint),
        }

    @property
    def selectors(self) -> Selectors | None:
        """The selectors of the weights to prune."""
        return self.include or selectors_of(self.rate)

    def select(self, model: keras.Model) -> Selection:
        """Returns the `selection.Selection` of a model's weights."""
        return select(model, self.selectors, self.exclude)

    def constraints(
        self, model: keras.Model, scorer: Scorer | None = None
    ) -> tuple[list[Constraint], list[tuple[Weight, Reason | Refusal]]]:
        """Returns the constraints on a model's weights.

        Args:
            model: Built Keras model.
            scorer: `scores.Scorer`, by whose scores an allocation compares
                layers. Defaults to `None`: by magnitudes.

        Returns:
            List of `structures.Constraint`, and list of pairs of a weight
            and the reason it is left alone.

        Raises:
            ValueError: If a selector matches nothing, a selected weight
                cannot carry the structure, nothing is left to prune, the
                budget cannot be kept, the zeros are too few to pay on the
                target, or the score cannot rank the structure's units.
        """
        constraints, left, _ = constraints_of(self, model, scorer)
        return constraints, left


def _in_python(rate):
    """Returns a rate, or a dict of rates, as Python numbers."""
    if isinstance(rate, dict):
        return {name: python_number(value) for name, value in rate.items()}
    return python_number(rate)
