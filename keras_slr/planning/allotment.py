"""Gives the constraints of a plan their rates, from the weights as they are."""

import dataclasses
from collections.abc import Callable
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from keras_slr import backend
from keras_slr.allocation import Share
from keras_slr.allocation import allocate
from keras_slr.allocation import rate_of
from keras_slr.planning.budget import within
from keras_slr.selection import Selection
from keras_slr.structures import Constraint
from keras_slr.structures import Unstructured
from keras_slr.structures.check_own import check_own
from keras_slr.structures.constrain import structures_for

DEFAULT_RATE = 0.9


def _whole(rate: float) -> float:
    return rate


@dataclasses.dataclass(frozen=True)
class Allotment:
    """Distributes the rate of a plan over the weights that it prunes.

    Attributes:
        plan: `Plan` without a target.
        model: Built Keras model.
        coupled: List of pairs of a structure and the weights it couples.
        selection: `selection.Selection`.
    """

    plan: Any
    model: keras.Model
    coupled: list[tuple[Any, tuple]]
    selection: Selection

    def constraints(
        self,
        values: Callable[[Sequence[Any]], list[np.ndarray]],
        at: Callable[[float], float] = _whole,
    ) -> list[Constraint]:
        """Returns the constraints on the coupled weights, with their rates.

        Args:
            values: Function of a list of `selection.Weight` that returns
                what allocations compare: one array per weight.
            at: Function from a final rate to the one in force. It applies to
                the rate that an allocation distributes. Where the layers
                have rates of their own, from a dict, a structure or a
                budget, it applies to each. Defaults to the final rate.
        """
        plan, coupled = self.plan, self.coupled
        fixed = _fixed_rates(self.selection.chosen, plan.structure)
        rates = [fixed.get(id(weights[0].variable)) for _, weights in coupled]
        open_ = [i for i, rate in enumerate(rates) if rate is None]
        if not open_ and plan.rate is not None:
            _check_fixed(plan, rates)
        if isinstance(plan.rate, dict):
            chosen = {id(w.variable) for w in self.selection.chosen}
            for i in open_:
                rates[i] = rate_of(_first(coupled[i][1], chosen), plan.rate)
            return _constraints(coupled, map(at, rates))
        on_grid = plan.constraint is not None
        if on_grid and plan.rate is None and plan.budget is None:
            # Nothing more is pruned, and no zero is lost.
            for i in open_:
                rates[i] = _zero_share(*coupled[i])
            return _constraints(coupled, rates)
        parts = _parts(plan.allocation, coupled, open_, values)
        if plan.budget is None:
            rate = DEFAULT_RATE if plan.rate is None else plan.rate
            rates = [None if r is None else at(r) for r in rates]
            return _constraints(coupled, _allocated(at(rate), parts, rates))
        if not open_:
            raise ValueError(
                f"Expected no `budget` beside {plan.structure}, which fixes "
                f"the rate at {rates[0]:g}. Received: {plan.budget!r}."
            )
        found = within(
            plan.budget,
            self.model,
            lambda rate: _constraints(coupled, _allocated(rate, parts, rates)),
        )
        return [dataclasses.replace(c, rate=at(c.rate)) for c in found]


def _zero_share(structure, weights):
    values = [backend.to_host(weight.variable) for weight in weights]
    return Constraint(structure, weights, 0.0).zero_share(np, values)


def _check_fixed(plan, rates):
    given = plan.rate
    if isinstance(given, dict) or any(abs(r - given) > 1e-9 for r in rates):
        raise ValueError(
            f"Expected no `rate` beside {plan.structure}, which fixes it at "
            f"{rates[0]:g}. Received: rate={given!r}."
        )


def _fixed_rates(weights, structure):
    return {
        id(weight.variable): wanted.rate
        for weight, wanted in zip(weights, structures_for(weights, structure))
    }


def _parts(allocation, coupled, open_, values):
    """Returns which allocation distributes the rate over which constraints.

    Args:
        allocation: See `Plan`.
        coupled: See `Allotment`.
        open_: List of the indices in `coupled` whose rate is not fixed.
        values: See `Allotment.constraints`.

    Returns:
        List of triples of an allocation, a list of indices in `coupled` and
        the list of their `Share`.
    """
    parts = [(allocation, open_)]
    if allocation is None:
        by_entry, by_unit = [], []
        for i in open_:
            alone = isinstance(coupled[i][0], Unstructured)
            (by_entry if alone else by_unit).append(i)
        parts = [("balanced", by_entry), ("uniform", by_unit)]
    return [
        (allocation, part, [_share(*coupled[i], values) for i in part])
        for allocation, part in parts
    ]


def _share(structure, weights, values):
    def scores():
        return np.abs(structure.scores(np, values(weights), *weights))

    first, *others = {id(w.variable): w for w in weights}.values()
    # Biases and the like have no axes; a rate does not count them.
    coupled = sum(w.size for w in others if w.axes is not None)
    return Share(first.shape, scores, first.path, coupled)


def _allocated(rate, parts, fixed):
    """Returns all rates: the fixed ones, and those that the parts allocate."""
    rates = list(fixed)
    for allocation, part, shares in parts:
        for i, value in zip(part, allocate(allocation, shares, rate)):
            rates[i] = value
    return rates


def _constraints(coupled, rates):
    for structure, weights in coupled:
        check_own(structure, weights)
    return [
        Constraint(structure, weights, structure.rounded(rate, *weights))
        for (structure, weights), rate in zip(coupled, rates)
    ]


def _first(weights, chosen):
    """Returns the first of coupled weights that was chosen itself."""
    return next(w for w in weights if id(w.variable) in chosen)
