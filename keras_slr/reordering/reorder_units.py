"""Reorders hidden units, so that pruning in blocks loses less."""

from typing import Unpack

import keras
import numpy as np

from keras_slr.allocation.user_rates import Rate
from keras_slr.backend import to_numpy
from keras_slr.completed import completed
from keras_slr.layerwise.walk import Weights
from keras_slr.models.checks import check_built
from keras_slr.models.checks import check_model
from keras_slr.models.weight_values import check_finite
from keras_slr.planning.plan import Plan
from keras_slr.planning.plan_arguments import PlanArguments
from keras_slr.reordering.exchangeable import Units
from keras_slr.reordering.kept_share import kept_share
from keras_slr.reordering.kept_share import rows_of
from keras_slr.reordering.report import ReorderReport
from keras_slr.reordering.report import ReorderRow
from keras_slr.reordering.slots import with_slots
from keras_slr.reordering.swaps import improved_order
from keras_slr.structures.block import Block


def reorder_units(
    model: keras.Model,
    rate: Rate | None = None,
    **plan: Unpack[PlanArguments],
) -> ReorderReport:
    """Reorders hidden units in place, so that large weights share blocks.

    If you then prune blocks with the same arguments, the kernels lose less.
    The model's outputs stay the same, up to rounding in sums: when the filters
    of a layer change places, so do their biases, their normalizations and
    their slices of all kernels that read them. No layer is added. It needs no
    data and no training.

    It maximises the sum of the squared entries that `Block` keeps at the given
    rate, as a share of each kernel's sum of squares. Each unit in turn changes
    places with the unit for which the gain is largest, until no swap gains
    anything. A round takes time in proportion to units times entries. The mean
    share over the kernels never falls.

    Matrix pivoting (Sredojevic and others, arXiv 1712.01084) rearranges
    matrices for structured pruning. We had only the abstract. Three things are
    our reading: the new order stays within the model, the objective, and the
    swaps.

    Call it before a pruning run, not during one, because the state of the run
    would not move with the weights. The state of the model's own optimizer,
    such as Adam's moments, does move. Other optimizers, and other models that
    share layers with this one, are not updated.

    Args:
        model: Built Functional or Sequential model, or a model that contains
            some.
        rate: See `Plan`, as for the pruning that follows. Defaults to `None`.
        **plan: Further arguments of `Plan`: `include`, `exclude`,
            `structure`, `allocation`, `budget` and `target`. `structure`
            defaults to `Block((4, 1))`.

    Returns:
        `ReorderReport`. It says which inputs or outputs of the kernels stay
        in place, and why: the inputs and outputs of the model, and units that
        reach layers which `shrink` does not understand.

    Raises:
        TypeError: If the model is not a Keras 3 model.
        ValueError: If the model is not built, its graph is not known, an
            argument is invalid, no kernel gets a `Block`, weights are not
            finite, the model is in a pruning run, or its optimizer has state
            that cannot be reordered. The model is then unchanged.

    Example:

    ```python
    blocks = keras_slr.Block((4, 1))
    print(keras_slr.reorder_units(model, 0.7, structure=blocks))
    keras_slr.prune_layerwise(model, x[:512], 0.7, structure=blocks)
    ```
    """
    check_model(model)
    check_built(model)
    if plan.get("structure") is None and plan.get("target") is None:
        plan = {**plan, "structure": Block()}
    constraints, _ = Plan(rate, **plan).constraints(model)
    constraints = [c for c in constraints if isinstance(c.structure, Block)]
    if not constraints:
        raise ValueError(
            "Expected blocks, for which an order of units matters. Received "
            f"structure={plan.get('structure')!r}, target="
            f"{plan.get('target')!r}: pass structure=Block((4, 1))."
        )
    for constraint in constraints:
        (weight,) = constraint.weights
        check_finite(weight.variable, weight.path)
    units = Units(model)
    arrangement = _Arrangement(model, constraints, units.kinds)
    before = dict(arrangement.shares)
    moved = arrangement.improve()
    arrangement.assign()
    return ReorderReport(
        [
            ReorderRow(
                weight.path,
                1.0 - constraint.count(constraint.rate) / constraint.units,
                before[id(weight.variable)],
                arrangement.shares[id(weight.variable)],
                _reason(units, weight, constraint.structure),
            )
            for constraint in constraints
            for weight in constraint.weights
        ],
        moved,
    )


class _Arrangement:
    """The values of a model's variables in the best order so far.

    Args:
        model: Keras model.
        constraints: List of `Constraint` with a `Block` on one kernel each.
        kinds: List of `Exchangeable`.

    Attributes:
        shares: Dict from the id of a kernel to its `kept_share`.
    """

    def __init__(self, model, constraints, kinds):
        self._constraints = {id(c.weights[0].variable): c for c in constraints}
        self._kinds = [
            kind
            for kind in kinds
            if any(id(p.variable) in self._constraints for p in kind.places)
        ]
        variables = [p.variable for k in self._kinds for p in k.places]
        variables += [c.weights[0].variable for c in constraints]
        self._together = with_slots(model, variables)
        self._variables = {
            id(v): v for all_of in self._together.values() for v in all_of
        }
        self._values = {
            key: to_numpy(v).copy() for key, v in self._variables.items()
        }
        self._changed = set()
        self.shares = {
            key: kept_share(constraint, self._values[key])
            for key, constraint in self._constraints.items()
        }

    def improve(self):
        """Reorders until there is no gain; returns how many units moved."""
        orders = [np.arange(len(kind)) for kind in self._kinds]
        waiting = list(range(len(orders)))
        while waiting:
            i = waiting.pop(0)
            order = self._improved(self._kinds[i])
            if order is None:
                continue
            orders[i] = orders[i][order]
            # Other units of these kernels may now have a better order.
            kernels = self._kernels(self._kinds[i])
            waiting += [
                j
                for j, other in enumerate(self._kinds)
                if j != i
                and j not in waiting
                and kernels & self._kernels(other)
            ]
        return sum(int(np.sum(o != np.arange(len(o)))) for o in orders)

    def assign(self):
        """Gives the variables their new values."""
        weights = Weights()
        try:
            for key in self._changed:
                weights.set(self._variables[key], self._values[key])
        except BaseException:
            completed(weights.restore)
            raise

    def _kernels(self, kind):
        """Returns the ids of the kernels in which the units' order matters."""
        return {
            id(place.variable)
            for place in kind.places
            if id(place.variable) in self._constraints
            and self._rows(place) is not None
        }

    def _rows(self, place):
        key = id(place.variable)
        return rows_of(self._constraints[key], self._values[key], place)

    def _improved(self, kind):
        """Reorders units if that is a gain; returns the order, or `None`."""
        matrices = [
            self._rows(place)
            for place in kind.places
            if id(place.variable) in self._constraints
        ]
        matrices = [rows for rows in matrices if rows is not None]
        if not matrices:
            return None
        order = improved_order(matrices)
        values = dict(self._values)
        for place in kind.places:
            for variable in self._together[id(place.variable)]:
                key = id(variable)
                values[key] = place.taken(values[key], order)
        # These units may lie along both axes of a kernel. The swaps treat the
        # two axes apart, so their total may be wrong: measure the new order.
        shares = {
            key: kept_share(self._constraints[key], values[key])
            for key in self._kernels(kind)
        }
        old = sum(self.shares[key] for key in shares)
        if sum(shares.values()) <= old:
            return None
        self._changed |= {k for k in values if values[k] is not self._values[k]}
        self._values = values
        self.shares |= shares
        return order


def _reason(units, weight, structure):
    """Returns why units whose order matters stay in place, or `None`."""
    sizes = zip(structure.size, (weight.axes.inputs, weight.axes.outputs))
    axes = [axis for size, found in sizes if size > 1 for axis in found]
    return units.reason(weight.variable, axes)
