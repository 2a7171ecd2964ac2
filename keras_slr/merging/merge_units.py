"""Merges filters and neurons that are nearly equal."""

from typing import Literal

import keras
import numpy as np

from keras_slr.allocation.allocations import Allocation
from keras_slr.allocation.user_rates import Rate
from keras_slr.backend import to_numpy
from keras_slr.checkpoints.state_in_optimizer import check_not_pruning
from keras_slr.completed import completed
from keras_slr.layerwise.walk import Weights
from keras_slr.merging.clusters import clustering
from keras_slr.merging.clusters import representatives
from keras_slr.merging.mergeable import MergedFilter
from keras_slr.merging.mergeable import found_in
from keras_slr.merging.survey import Survey
from keras_slr.merging.survey import places
from keras_slr.models.checks import check_built
from keras_slr.models.checks import check_model
from keras_slr.models.graph import graphs_in
from keras_slr.models.weight_values import check_finite
from keras_slr.planning.budget import Budget
from keras_slr.planning.plan import Plan
from keras_slr.reports import Report
from keras_slr.reports.report import report_of
from keras_slr.selection.selectors import Selectors
from keras_slr.structures.constraint import numbered
from keras_slr.structures.units import Filter

DEFAULT_RATE = 0.5


def merge_units(
    model: keras.Model,
    rate: Rate | None = None,
    method: Literal["kmeans", "agglomerative"] = "kmeans",
    *,
    seed: int = 0,
    include: Selectors | None = None,
    exclude: Selectors | None = None,
    structure: Filter | None = None,
    allocation: Allocation | None = None,
    budget: Budget | None = None,
) -> Report:
    """Merges filters and neurons that are nearly equal, in place.

    It needs no data and no training. Units that compute nearly the same form
    a cluster. One of them stays and gets the outgoing weights of the others,
    which become zero: `shrink` then returns a smaller model. Where the units
    of a cluster are equal, the model's outputs do not change.

    The layers that read unit `j` lose least if unit `r` stands for it with the
    factor `c` that minimises `E (x_j - c x_r)^2`: the outgoing weights of `r`
    grow by `c` times those of `j`. The means follow from the weights, with
    white noise as the inputs of each layer. Biases and batch normalizations
    count as parts of the filters. `c` is one unless all activations between
    the units and the layer that reads them are linear for positive and for
    negative numbers, such as ReLU. The loss, times the squared norm of the
    outgoing weights of `j`, is the harm that merging does. (For equal units
    this is Srinivas and Babu, arXiv 1507.06149; the factor for ReLUs is in
    Kim and others, arXiv 2010.13160.)

    A unit of the model stands for its cluster, not the mean of the cluster:
    moving means and variances are then right as they are.

    Layers are merged in the order of the model. `n - round(rate n)` of `n`
    units stay. The kernels that read them change, also if they are in
    `exclude`.

    Args:
        model: Built Keras model, trained.
        rate: The share of the units to merge away, see `Plan`. Defaults to
            `None`: `0.5`, unless there is a budget.
        method: How scikit-learn finds the clusters: `"kmeans"`, or
            `"agglomerative"` with complete linkage, which needs no random
            numbers. Defaults to `"kmeans"`.
        seed: Integer, for k-means. Defaults to `0`.
        include: See `Plan`.
        exclude: See `Plan`.
        structure: `Filter`, whose `round_to` rounds widths. Defaults to
            `None`, `Filter()`.
        allocation: See `Plan`.
        budget: See `Plan`.

    Returns:
        `Report` of the model. It says why other units are left alone: those
        of softmax outputs, attention heads, convolutions in groups, and of
        layers that merging does not follow.

    Raises:
        ImportError: If scikit-learn is missing.
        TypeError: If the model is not a Keras 3 model.
        ValueError: If the model is not built or in a pruning run, or masks
            are in force, an argument is invalid, the plan does not fit the
            model, units that are named cannot be merged, or weights are not
            finite. The model is then unchanged.

    Example:

    ```python
    keras_slr.merge_units(model, 0.25)
    small = keras_slr.shrink(model)
    ```
    """
    check_model(model)
    check_built(model)
    check_not_pruning(model, "merge units earlier")
    cluster = clustering(method)
    _check_structure(structure)
    if rate is None and budget is None:
        rate = DEFAULT_RATE
    constraints, left = Plan(
        rate,
        include,
        exclude,
        MergedFilter(round_to=structure.round_to if structure else None),
        allocation,
        budget,
    ).constraints(model)
    for variable in _touched(constraints):
        check_finite(variable, variable.path)
    weights = Weights()
    try:
        for constraint in constraints:
            if constraint.count(constraint.rate) < constraint.units:
                _merge(model, constraint, cluster, seed, weights)
        for constraint in constraints:
            constraint.finish()
    except BaseException:
        completed(weights.restore)
        raise
    return report_of(model, constraints, left)


def _check_structure(structure):
    if structure is None:
        return
    if not isinstance(structure, Filter) or not structure.grouped:
        raise ValueError(
            "Expected `structure` to be Filter(), whose units can be merged. "
            f"Received: structure={structure!r}; leave it out."
        )


def _touched(constraints):
    """Returns the variables that describe or read the units, once each."""
    variables = [w.variable for w in numbered(constraints)[0]]
    for constraint in constraints:
        bound = constraint.structure
        variables += [v for v, _ in (*bound.statistics, *bound.readers)]
    return {id(v): v for v in variables}.values()


def _merge(model, constraint, cluster, seed, weights):
    """Merges units under a constraint.

    Args:
        model: Keras model.
        constraint: `Constraint` on coupled units.
        cluster: One of `clusters.METHODS`.
        seed: Integer.
        weights: `Weights` to set.
    """
    # Merging earlier units has changed what these compute.
    surveys = [Survey(graph) for graph in graphs_in(model)]
    survey, numbers = found_in(
        surveys, constraint.structure, constraint.weights
    )
    readings = [
        reading
        for reading in survey.readings
        if np.isin(numbers, reading.numbers).all()
    ]
    harms, importance, likeness = 0.0, 0.0, 0.0
    for reading in readings:
        moments = reading.moments.at(numbers)
        outgoing = _squared_norms(reading, numbers)
        power = np.diag(moments.gram)
        total = (outgoing @ power) or 1.0
        harms = harms + outgoing[:, None] * moments.errors() / total
        if not moments.scales:
            power = power.mean()
        importance = importance + outgoing * power / total
        likeness = likeness + moments.likeness()
    count = constraint.count(constraint.rate)
    labels = cluster(likeness, harms, importance, count, seed)
    chosen = representatives(harms, labels, count)
    for reading in readings:
        _add_outgoing(reading, numbers, chosen, weights)
    kept = chosen == np.arange(len(chosen))
    masks = constraint.structure.entries(np, kept, *constraint.weights)
    for weight, mask in zip(constraint.weights, masks):
        w = to_numpy(weight.variable)
        weights.set(weight.variable, np.where(mask, w, np.zeros_like(w)))


def _outgoing(reading, numbers):
    """Returns a kernel with its inputs first, and where each unit is read."""
    w = np.array(to_numpy(reading.variable))
    return np.moveaxis(w, reading.axis, 0), places(reading.numbers, numbers)


def _squared_norms(reading, numbers):
    w, at = _outgoing(reading, numbers)
    w = w[at].astype(np.float64).reshape(len(numbers), -1)
    return np.sum(np.square(w), axis=1)


def _add_outgoing(reading, numbers, chosen, weights):
    """Adds what reads each unit to what reads the one that stands for it."""
    w, at = _outgoing(reading, numbers)
    c = reading.moments.at(numbers).coefficients()
    merged = w.astype(np.float64)
    for j, r in enumerate(chosen):
        if j != r:
            merged[at[r]] += c[j, r] * w[at[j]].astype(np.float64)
            merged[at[j]] = 0.0
    merged = np.moveaxis(merged, 0, reading.axis)
    weights.set(reading.variable, merged.astype(w.dtype))
