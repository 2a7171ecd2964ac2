"""Filters that can be merged, as a structure that a plan can choose."""

import dataclasses

import numpy as np

from keras_slr.merging.survey import Survey
from keras_slr.models.graph import graphs_in
from keras_slr.structures.constraint import Refusal
from keras_slr.structures.units import Filter


@dataclasses.dataclass(frozen=True)
class MergedFilter(Filter):
    """Filters that can stand for each other."""

    def couple(self, model, chosen, left):
        coupled, refused = super().couple(model, chosen, left)
        surveys = [Survey(graph) for graph in graphs_in(model)]
        mergeable = []
        for bound, weights in coupled:
            survey, numbers = found_in(surveys, bound, weights)
            reason = survey.refusal(numbers)
            if reason is None:
                mergeable.append((bound, weights))
                continue
            coupled_ids = {id(weight.variable) for weight in weights}
            refused += [
                (weight, Refusal(reason))
                for weight in chosen
                if id(weight.variable) in coupled_ids
            ]
        return mergeable, refused

    def __str__(self):
        return "filters to merge"


def found_in(surveys, bound, weights):
    """Finds the units of a constraint in the graphs of a model.

    Args:
        surveys: List of `Survey`.
        bound: `CoupledUnits`.
        weights: List of `selection.Weight` that it couples.

    Returns:
        `Survey`, and integer array of the numbers of the units in it, in the
        order of the constraint.
    """
    member, weight = bound.members[0], weights[0]
    (axis,) = member.axes
    survey = next(s for s in surveys if s.has(weight.variable, axis))
    here = member.labels >= 0
    numbers = np.empty(bound.size, int)
    numbers[member.labels[here]] = survey.numbers(weight.variable, axis)[here]
    return survey, numbers
