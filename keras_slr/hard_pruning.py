"""Pruning in one step, without training, by magnitude or another score."""

from typing import Any
from typing import Unpack

import keras

from keras_slr.allocation.user_rates import Rate
from keras_slr.grids.points import has_grid
from keras_slr.models.checks import check_built
from keras_slr.models.checks import check_model
from keras_slr.models.weight_values import check_finite
from keras_slr.planning.plan import Plan
from keras_slr.planning.plan_arguments import PlanArguments
from keras_slr.planning.plan_arguments import check_names
from keras_slr.reports import Report
from keras_slr.reports.report import report_of
from keras_slr.scores.registry import score_of
from keras_slr.scores.score import Score
from keras_slr.scores.scorer import Scorer
from keras_slr.structures.constraint import numbered
from keras_slr.training.arrays import arrays_for
from keras_slr.training.chosen import set_chosen


def hard_prune(
    model: keras.Model,
    rate: Rate | None = None,
    *,
    score: Score | str | None = None,
    data: Any = None,
    batch_size: int | None = None,
    **plan: Unpack[PlanArguments],
) -> Report:
    """Sets the entries or units that matter least to zero, in place.

    Exactly `n - round(rate n)` of the `n` entries of each kernel stay, or of
    the units of a structure: those of largest magnitude, or score. The lowest
    index wins a tie.

    Args:
        model: Built Keras model.
        rate: See `Plan`. Defaults to `None`: the rate that a structure
            fixes, or `0.9`; with a `constraint` `0.0`.
        score: `keras_slr.Score` or its name, such as `"taylor"`: what
            decides which entries or units stay. Defaults to `None`, their
            magnitude.
        data: What a score reads: a tuple `(x, y)` of arrays, or any data set
            that `fit` takes. Defaults to `None`.
        batch_size: Integer, for arrays. Defaults to `None`, which is 32.
        **plan: Further arguments of `Plan`: `include`, `exclude`,
            `structure`, `allocation`, `budget`, `target` and `constraint`,
            a grid to which the kept entries are rounded.

    Returns:
        `Report` of the pruned model.

    Raises:
        TypeError: If the model is not a Keras 3 model, or `score` not a
            score.
        ValueError: If the model is not built, a rate is invalid, a budget
            cannot be kept, a selector matches nothing, a kernel has NaN or
            infinite entries, or a score lacks what it reads or cannot rank
            the structure; the model is then unchanged.
    """
    check_names("hard_prune", plan)
    check_model(model)
    check_built(model)
    chosen = score_of(score)
    scorer = None
    if chosen is not None:
        scorer = Scorer(chosen, model, data, batch_size)
    whole = Plan(rate, **plan)
    constraints, left = whole.constraints(model, scorer)
    weights, _, sets = numbered(constraints)
    for weight in weights:
        check_finite(weight.variable, weight.path)
    variables = [weight.variable for weight in weights]
    counts = [constraint.count(constraint.rate) for constraint in constraints]
    values = variables if scorer is None else scorer.of(weights)
    arrays = arrays_for(variables)
    chosen = arrays.largest(values, sets, counts)
    if whole.constraint is not None:
        at = [i for i, weight in enumerate(weights) if has_grid(weight)]
        of_kernels = ([each[i] for i in at] for each in (variables, chosen))
        points = arrays.on_grid(
            *of_kernels, whole.constraint, [weights[i] for i in at]
        )
        for i, point in zip(at, points):
            chosen[i] = point
    for variable, each in zip(variables, chosen):
        set_chosen(variable, each)
    for constraint in constraints:
        constraint.finish()
    return report_of(model, constraints, left, whole.constraint)
