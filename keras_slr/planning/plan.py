"""What is to be pruned, how far, and in which structure."""

import dataclasses

import keras
import numpy as np

from keras_slr import backend
from keras_slr.allocation import Share
from keras_slr.allocation import allocate
from keras_slr.allocation import check_allocation
from keras_slr.allocation import check_rate
from keras_slr.allocation import rate_of
from keras_slr.allocation import selectors_of
from keras_slr.planning.budget import check_budget
from keras_slr.planning.budget import within
from keras_slr.planning.targets import check_target
from keras_slr.planning.targets import constraints_for
from keras_slr.python_numbers import python_number
from keras_slr.record import Record
from keras_slr.selection import select
from keras_slr.selection.selectors import as_list
from keras_slr.selection.selectors import portable
from keras_slr.structures import Constraint
from keras_slr.structures import Unstructured
from keras_slr.structures import check_structure
from keras_slr.structures import couple
from keras_slr.structures.constrain import structures_for
from keras_slr.structures.constraint import Refusal

DEFAULT_RATE = 0.9


@dataclasses.dataclass(frozen=True)
class Plan:
    """A choice of weights with their rates and structures.

    Args:
        rate: Float in `[0, 1)`, the share of entries or units to set to zero,
            or a dict of such rates by name, `"re:..."`, `"class:..."`, layer
            class or `"default"`; weights that a dict does not mean are left
            alone. Defaults to `None`: `0.9`, or what a structure fixes.
        include: Which weights to prune, see `selection.select`. Defaults to
            the keys of `rate` if that is a dict, else to `"default"`.
        exclude: Which weights to leave alone. Defaults to `None`.
        structure: `structures.Structure`, or a dict of them by selector.
            Defaults to `None`, `Unstructured()`.
        allocation: How a single rate is shared out over layers: `"uniform"`,
            `"erk"`, `"global"`, `"lamp"`, a `Sensitivity`, or a function
            like those in `keras_slr.allocation.allocate`. Defaults to
            `None`: `"erk"` for weights that are pruned entry by entry,
            `"uniform"` for others.
        budget: `Budget`, what the pruned model may cost, in the place of
            `rate`: the smallest single rate that keeps it is shared out.
            Defaults to `None`.
        target: String, what the model is to run on: `"arm"` (also
            `"xnnpack"`), `"x86"`, `"gpu"`, `"int8"`, `"micro"` or `"size"`.
            In the place of `structure`, it chooses the structures that pay
            there, leaves weights alone where none does, and says what the
            rates are by default, see `targets`. Defaults to `None`.

    Raises:
        TypeError: If `structure` or `budget` is none.
        ValueError: If a rate, an allocation or a target is invalid, or there
            is a budget beside a rate or a target beside a structure.
    """

    rate: object = None
    include: object = None
    exclude: object = None
    structure: object = None
    allocation: object = None
    budget: object = None
    target: str | None = None

    def __post_init__(self):
        if self.rate is not None:
            check_rate(self.rate)
            object.__setattr__(self, "rate", _in_python(self.rate))
        check_structure(self.structure)
        if self.allocation is not None:
            check_allocation(self.allocation)
        check_budget(self.budget)
        if self.budget is not None and self.rate is not None:
            raise ValueError(
                "Expected a rate or a budget, from which the rate follows. "
                f"Received both: rate={self.rate!r}, budget={self.budget!r}."
            )
        if isinstance(self.rate, dict) and self.allocation is not None:
            raise ValueError(
                "Expected one rate to be shared out by `allocation`. Received "
                f"allocation={self.allocation!r} and a rate per name."
            )
        check_target(self)

    def get_config(self):
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
        }

    @property
    def selectors(self):
        """The selectors of what is to be pruned."""
        return self.include or selectors_of(self.rate)

    def select(self, model):
        """Returns the `selection.Selection` of a model's weights."""
        return select(model, self.selectors, self.exclude)

    def constraints(self, model):
        """Returns the constraints on a model's weights.

        Args:
            model: Built Keras model.

        Returns:
            List of `structures.Constraint`, and list of pairs of a weight
            and the reason it is left alone.

        Raises:
            ValueError: If a selector matches nothing, a weight asked for
                cannot be pruned so, nothing is left to prune, or the budget
                cannot be kept, or too few zeros are asked for to pay on the
                target.
        """
        if self.target is not None:
            return constraints_for(self, model)
        selection = self.select(model)
        asked = as_list(self.selectors)
        if isinstance(self.structure, dict):
            asked += list(self.structure)
        coupled, refused = couple(model, selection, self.structure, asked)
        several = isinstance(self.structure, dict)
        wanted = "what is chosen for them" if several else self.structure
        if not coupled:
            raise ValueError(
                f"Expected weights that can carry {wanted}. Received "
                f"`{model.name}`, of which none can: {_examples(refused)}."
            )
        constraints = self._with_rates(model, coupled, selection)
        idle = [(c.weights[0], Refusal(c.idle)) for c in constraints if c.idle]
        if idle and all(c.count(c.rate) == c.units for c in constraints):
            raise ValueError(
                f"Expected rates that set some of {wanted or 'the entries'} to "
                f"zero. Received {self.rate!r}, which sets none in "
                f"`{model.name}`: {_examples(idle)}."
            )
        return constraints, selection.left + refused

    def _with_rates(self, model, coupled, selection):
        fixed = _fixed_rates(selection.chosen, self.structure)
        rates = [fixed.get(id(weights[0].variable)) for _, weights in coupled]
        open_ = [i for i, rate in enumerate(rates) if rate is None]
        if not open_ and self.rate is not None:
            self._check_fixed(rates)
        if isinstance(self.rate, dict):
            chosen = {id(w.variable) for w in selection.chosen}
            for i in open_:
                rates[i] = rate_of(_first(coupled[i][1], chosen), self.rate)
            return _constraints(coupled, rates)
        parts = self._parts(coupled, open_)

        def at(rate):
            return _constraints(coupled, _shared_out(rate, parts, rates))

        if self.budget is None:
            return at(DEFAULT_RATE if self.rate is None else self.rate)
        if not open_:
            raise ValueError(
                f"Expected no `budget` beside {self.structure}, which fixes "
                f"the rate at {rates[0]:g}. Received: {self.budget!r}."
            )
        return within(self.budget, model, at)

    def _parts(self, coupled, open_):
        """Returns what shares the one rate out, over which constraints.

        Returns:
            List of triples of an allocation, a list of places in `coupled`
            and the list of their `Share`.
        """
        by_entry, by_unit = [], []
        for i in open_:
            alone = isinstance(coupled[i][0], Unstructured)
            (by_entry if alone else by_unit).append(i)
        parts = [(self.allocation, open_)]
        if self.allocation is None:
            parts = [("erk", by_entry), ("uniform", by_unit)]
        return [
            (allocation, part, [_share(*coupled[i]) for i in part])
            for allocation, part in parts
        ]

    def _check_fixed(self, rates):
        given = self.rate
        if isinstance(given, dict) or any(abs(r - given) > 1e-9 for r in rates):
            raise ValueError(
                f"Expected no `rate` beside {self.structure}, which fixes it "
                f"at {rates[0]:g}. Received: rate={given!r}."
            )


def _in_python(rate):
    """Returns a rate, or a dict of rates, in numbers of Python."""
    if isinstance(rate, dict):
        return {name: python_number(value) for name, value in rate.items()}
    return python_number(rate)


def _examples(refused):
    """Returns weights with why they cannot be pruned, one for each reason."""
    paths = {}
    for weight, reason in refused:
        paths.setdefault(reason.value, weight.path)
    named = [f"`{path}`: {why}" for why, path in list(paths.items())[:3]]
    return "; ".join(named)


def _fixed_rates(weights, structure):
    return {
        id(weight.variable): wanted.rate
        for weight, wanted in zip(weights, structures_for(weights, structure))
    }


def _shared_out(rate, parts, fixed):
    """Returns the rates with those of the parts in their places."""
    rates = list(fixed)
    for allocation, part, shares in parts:
        for i, value in zip(part, allocate(allocation, shares, rate)):
            rates[i] = value
    return rates


def _constraints(coupled, rates):
    return [
        Constraint(structure, weights, structure.rounded(rate, *weights))
        for (structure, weights), rate in zip(coupled, rates)
    ]


def _first(weights, chosen):
    """Returns the first of coupled weights that was chosen itself."""
    return next(w for w in weights if id(w.variable) in chosen)


def _share(structure, weights):
    def scores():
        values = [backend.to_host(w.variable) for w in weights]
        return np.abs(structure.scores(np, values, *weights))

    return Share(weights[0].shape, scores, weights[0].path)
