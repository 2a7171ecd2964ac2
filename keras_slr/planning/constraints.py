"""From a plan and a model to the constraints on the model's weights."""

import dataclasses
import functools

import keras

from keras_slr import backend
from keras_slr.models.student import student_of
from keras_slr.planning.allotment import Allotment
from keras_slr.planning.targets import check_pays
from keras_slr.planning.targets import for_target
from keras_slr.scores.scorer import check_ranks
from keras_slr.selection.kernels import weights_of
from keras_slr.selection.select import check_matches
from keras_slr.selection.selectors import DEFAULT
from keras_slr.selection.selectors import as_list
from keras_slr.selection.selectors import is_known_class
from keras_slr.structures import couple
from keras_slr.structures.constraint import Refusal


def constraints_of(plan, model: keras.Model, scorer=None):
    """Returns the constraints of a plan, see `Plan.constraints`.

    Args:
        plan: `Plan`.
        model: Built Keras model.
        scorer: `scores.Scorer`, or `None` for magnitudes. Defaults to
            `None`.

    Returns:
        What `Plan.constraints` returns, and the `Allotment` that gives the
        constraints their rates anew.
    """
    model = student_of(model)
    if plan.target is None:
        _check_selectors(plan.structure, weights_of(model))
        return _constraints_of(plan, model, scorer)
    found = _constraints_of(for_target(plan, model), model, scorer)
    check_pays(plan, model, found[0])
    return found


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
    allotment = Allotment(plan, model, coupled, selection)
    constraints = allotment.constraints(_values_of(coupled, scorer))
    idle = _idle(constraints)
    whole = all(c.count(c.rate) == c.units for c in constraints)
    if whole and not idle and isinstance(plan.rate, float):
        # The rate is below one unit, so the allocation gave no layer any of
        # it. The rate itself shows the reasons.
        idle = _idle(
            dataclasses.replace(c, rate=plan.rate) for c in constraints
        )
    if idle and whole and plan.constraint is None:
        raise ValueError(
            f"Expected rates that set some of {wanted or 'the entries'} to "
            f"zero. Received {plan.rate!r}, which sets none in "
            f"`{model.name}`: {_examples(idle)}."
        )
    return constraints, selection.left + refused, allotment


def _idle(constraints):
    return [(c.weights[0], Refusal(c.idle)) for c in constraints if c.idle]


def _values_of(coupled, scorer):
    """Returns a function of weights that gives what allocations compare."""
    if scorer is None:
        return lambda weights: [backend.to_host(w.variable) for w in weights]

    @functools.cache
    def scores():
        weights = {id(w.variable): w for _, part in coupled for w in part}
        return dict(zip(weights, scorer.of(list(weights.values()))))

    return lambda weights: [scores()[id(w.variable)] for w in weights]


def _examples(refused):
    """Returns weights with why they cannot be pruned, one for each reason."""
    paths = {}
    for weight, reason in refused:
        paths.setdefault(reason.value, weight.path)
    named = [f"`{path}`: {why}" for why, path in list(paths.items())[:3]]
    return "; ".join(named)
