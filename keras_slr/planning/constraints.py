"""From a plan and a model to the constraints on the model's weights."""

import functools

import keras
import numpy as np

from keras_slr import backend
from keras_slr.allocation import Share
from keras_slr.allocation import allocate
from keras_slr.allocation import rate_of
from keras_slr.planning.budget import within
from keras_slr.planning.targets import check_pays
from keras_slr.planning.targets import for_target
from keras_slr.scores.scorer import check_ranks
from keras_slr.selection.kernels import weights_of
from keras_slr.selection.select import check_matches
from keras_slr.selection.selectors import DEFAULT
from keras_slr.selection.selectors import as_list
from keras_slr.selection.selectors import is_known_class
from keras_slr.structures import Constraint
from keras_slr.structures import Unstructured
from keras_slr.structures import couple
from keras_slr.structures.check_own import check_own
from keras_slr.structures.constrain import structures_for
from keras_slr.structures.constraint import Refusal

DEFAULT_RATE = 0.9


def constraints_of(plan, model: keras.Model, scorer=None):
    """Returns the constraints of a plan, see `Plan.constraints`.

    Args:
        plan: `Plan`.
        model: Built Keras model.
        scorer: `scores.Scorer`, or `None` for magnitudes. Defaults to
            `None`.
    """
    if plan.target is None:
        _check_selectors(plan.structure, weights_of(model))
        return _constraints_of(plan, model, scorer)
    constraints, left = _constraints_of(for_target(plan, model), model, scorer)
    check_pays(plan, model, constraints)
    return constraints, left


def _check_selectors(structure, weights):
    """Raises a `ValueError` if one of a dict matches nothing."""
    for selector in structure if isinstance(structure, dict) else ():
        if selector != DEFAULT and not is_known_class(selector):
            check_matches(selector, weights)


def _constraints_of(plan, model, scorer):
    selection = plan.select(model)
    asked = as_list(plan.selectors)
    several = isinstance(plan.structure, dict)
    if several:
        asked += list(plan.structure)
    coupled, refused = couple(model, selection, plan.structure, asked)
    wanted = "what is chosen for them" if several else plan.structure
    if not coupled:
        raise ValueError(
            f"Expected weights that can carry {wanted}. Received "
            f"`{model.name}`, of which none can: {_examples(refused)}."
        )
    if scorer is not None:
        for bound, weights in coupled:
            check_ranks(scorer.score, bound, weights)
    values = _values_of(coupled, scorer)
    constraints = _with_rates(plan, model, coupled, selection, values)
    idle = [(c.weights[0], Refusal(c.idle)) for c in constraints if c.idle]
    if idle and all(c.count(c.rate) == c.units for c in constraints):
        raise ValueError(
            f"Expected rates that set some of {wanted or 'the entries'} to "
            f"zero. Received {plan.rate!r}, which sets none in "
            f"`{model.name}`: {_examples(idle)}."
        )
    return constraints, selection.left + refused


def _values_of(coupled, scorer):
    """Returns a function of weights that gives what allocations compare."""
    if scorer is None:
        return lambda weights: [backend.to_host(w.variable) for w in weights]

    @functools.cache
    def scores():
        weights = {id(w.variable): w for _, part in coupled for w in part}
        return dict(zip(weights, scorer.of(list(weights.values()))))

    return lambda weights: [scores()[id(w.variable)] for w in weights]


def _with_rates(plan, model, coupled, selection, values):
    """Returns the constraints on coupled weights, each with its rate.

    Args:
        plan: `Plan` without a target.
        model: Built Keras model.
        coupled: List of pairs of a structure and the weights it couples.
        selection: `selection.Selection`.
        values: See `_values_of`.
    """
    fixed = _fixed_rates(selection.chosen, plan.structure)
    rates = [fixed.get(id(weights[0].variable)) for _, weights in coupled]
    open_ = [i for i, rate in enumerate(rates) if rate is None]
    if not open_ and plan.rate is not None:
        _check_fixed(plan, rates)
    if isinstance(plan.rate, dict):
        chosen = {id(w.variable) for w in selection.chosen}
        for i in open_:
            rates[i] = rate_of(_first(coupled[i][1], chosen), plan.rate)
        return _constraints(coupled, rates)
    parts = _parts(plan.allocation, coupled, open_, values)

    def at(rate):
        return _constraints(coupled, _allocated(rate, parts, rates))

    if plan.budget is None:
        return at(DEFAULT_RATE if plan.rate is None else plan.rate)
    if not open_:
        raise ValueError(
            f"Expected no `budget` beside {plan.structure}, which fixes the "
            f"rate at {rates[0]:g}. Received: {plan.budget!r}."
        )
    return within(plan.budget, model, at)


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
        coupled: See `_with_rates`.
        open_: List of the indices in `coupled` whose rate is not fixed.
        values: See `_values_of`.

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
        parts = [("erk", by_entry), ("uniform", by_unit)]
    return [
        (allocation, part, [_share(*coupled[i], values) for i in part])
        for allocation, part in parts
    ]


def _share(structure, weights, values):
    def scores():
        return np.abs(structure.scores(np, values(weights), *weights))

    return Share(weights[0].shape, scores, weights[0].path)


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


def _examples(refused):
    """Returns weights with why they cannot be pruned, one for each reason."""
    paths = {}
    for weight, reason in refused:
        paths.setdefault(reason.value, weight.path)
    named = [f"`{path}`: {why}" for why, path in list(paths.items())[:3]]
    return "; ".join(named)
