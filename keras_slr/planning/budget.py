"""What a pruned model may cost, and the rate that follows from it."""

import collections
import dataclasses
import math
import numbers

from keras_slr.models.multiply_accumulates import products_of
from keras_slr.record import Record
from keras_slr.record import register

# The resolution of the search for a rate: finer than one entry of a large
# model.
_STEP = 0.5**32


@register
@dataclasses.dataclass(frozen=True)
class Budget(Record):
    """A limit on the cost of the pruned model, given instead of a rate.

    ```python
    SLRCallback(budget=Budget(flops=0.5), structure=Filter())
    ```

    The rate is the smallest that keeps every given limit, with the structure
    and the allocation of the plan. The cost follows from shapes: single
    entries that are pruned do not count, and neither does anything that
    `keras_slr.shrink` cuts together with pruned filters and heads.

    Each limit is an integer, or a float in `(0, 1)`: a fraction of the dense
    model's cost.

    Args:
        params: The parameters that remain, with biases, norms and their
            moving statistics. Defaults to `None`, no limit.
        bytes: The size of the remaining parameters in float32, four bytes
            each. If pruned units are not whole slices of a kernel, a bitmap
            of the remaining units is added: one bit per unit, which for
            `Unstructured()` is one bit per entry. Other precisions and
            formats have other sizes. Defaults to `None`, no limit.
        flops: Floating-point operations for one example: two for each
            multiply-accumulate that `keras_slr.macs` counts and that the
            remaining kernel entries need. Few runtimes save the operations of
            single zeros. Needs a Functional or Sequential model. Defaults to
            `None`, no limit.

    Raises:
        ValueError: If no limit is given, or one is neither a positive
            integer nor a float in `(0, 1)`.
    """

    params: float | None = None
    bytes: float | None = None
    flops: float | None = None

    def __post_init__(self):
        if not self.limits:
            raise ValueError(
                "Expected a limit, as in Budget(params=0.1), Budget(bytes="
                "100_000) or Budget(flops=0.5). Received none."
            )
        for name, limit in self.limits.items():
            if not _is_valid(limit):
                raise ValueError(
                    f"Expected `{name}` to be a positive integer, or a float "
                    "in (0, 1), a fraction of the dense model. Received: "
                    f"{name}={limit!r}."
                )

    @property
    def limits(self) -> dict[str, float]:
        """Dict of the given limits by name."""
        fields = dataclasses.asdict(self)
        return {k: limit for k, limit in fields.items() if limit is not None}


def check_budget(budget):
    """Raises a `TypeError` unless `budget` is a `Budget` or `None`."""
    if budget is not None and not isinstance(budget, Budget):
        raise TypeError(
            "Expected a budget such as keras_slr.Budget(flops=0.5). "
            f"Received: {budget!r}."
        )


def within(budget, model, constraints_at):
    """Returns the constraints of the smallest rate that keeps a budget.

    Args:
        budget: `Budget`.
        model: Built Keras model.
        constraints_at: Function that returns the constraints on the model's
            weights at a rate in `[0, 1)`.

    Returns:
        List of `structures.Constraint`.

    Raises:
        ValueError: If no rate keeps the budget.
    """
    cost = _Cost(model, budget.limits)
    dense = cost([])
    limits = {
        name: limit if isinstance(limit, numbers.Integral) else limit * dense[i]
        for i, (name, limit) in enumerate(budget.limits.items())
    }

    def keeps(constraints):
        spent = cost(constraints)
        return all(a <= b for a, b in zip(spent, limits.values()))

    low, high = 0.0, 1.0 - _STEP
    found = constraints_at(high)
    if not keeps(found):
        raise ValueError(_too_small(budget, limits, dense, cost(found)))
    while high - low > _STEP:
        rate = (low + high) / 2
        constraints = constraints_at(rate)
        if keeps(constraints):
            found, high = constraints, rate
        else:
            low = rate
    # The exact share of the units that go, not a rate just above it.
    return [
        dataclasses.replace(c, rate=1.0 - c.count(c.rate) / c.units)
        for c in found
    ]


def _is_valid(limit):
    if isinstance(limit, numbers.Integral):
        return not isinstance(limit, bool) and limit > 0
    return isinstance(limit, numbers.Real) and 0 < limit < 1


def _too_small(budget, limits, dense, least):
    over = [
        f"{name} of {low:,} at least ({low / whole:.1%} of the dense model)"
        for (name, limit), whole, low in zip(limits.items(), dense, least)
        if low > limit
    ]
    return (
        f"Expected a budget that pruning can keep. Received: {budget!r}, but "
        f"what is never pruned leaves {' and '.join(over)}: allow that "
        "much, or prune more weights by `include` and `structure`."
    )


class _Cost:
    """What a model costs under constraints, from the shapes alone.

    Args:
        model: Built Keras model.
        names: Names of limits, see `Budget`.
    """

    def __init__(self, model, names):
        self._names = list(names)
        self._weights = model.weights
        self._products = products_of(model) if "flops" in names else []

    def __call__(self, constraints):
        """Returns a list of integers, one for each name."""
        gone = collections.defaultdict(lambda: collections.defaultdict(float))
        bits = 0
        for constraint in constraints:
            removed = constraint.removed()
            for variable, axes, share in removed:
                # Slices of several groups lie side by side along an axis.
                gone[id(variable)][axes] += share
            if any(axes is None for _, axes, _ in removed):
                bits += constraint.units
        params = sum(
            round(math.prod(w.shape) * _left(gone[id(w)]))
            for w in self._weights
        )
        macs = sum(
            round(p.macs * _left(gone[id(p.kernel)], p.axes))
            for p in self._products
        )
        costs = {
            "params": params,
            "bytes": 4 * params + math.ceil(bits / 8),
            "flops": 2 * macs,
        }
        return [costs[name] for name in self._names]


def _left(gone, within=None):
    """Returns the share of a variable that is left.

    Args:
        gone: Dict from axes to the share that goes along them.
        within: Tuple, the axes that count. Defaults to `None`, all.
    """
    return math.prod(
        1.0 - share
        for axes, share in gone.items()
        if within is None or (axes is not None and set(axes) <= set(within))
    )
