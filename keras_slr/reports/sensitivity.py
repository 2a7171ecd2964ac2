"""The accuracy lost by pruning one layer, and an allocation from it."""

import contextlib
import dataclasses
from collections.abc import Iterable
from typing import TYPE_CHECKING
from typing import Any

import keras
import numpy as np

from keras_slr import backend
from keras_slr.allocation import Share
from keras_slr.allocation import check_rate
from keras_slr.allocation.allocations import FLOOR
from keras_slr.backend import apply_mask
from keras_slr.grids.check import check_no_grid
from keras_slr.keras_internals.models import direction_of
from keras_slr.models.checks import check_built
from keras_slr.models.checks import check_model
from keras_slr.models.weight_values import check_finite
from keras_slr.planning.plan import Plan
from keras_slr.record import Record
from keras_slr.record import register
from keras_slr_base.text_console import text_console

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# A slope for layers that lose nothing, relative to the largest drop, so that
# they are pruned to the same rate.
_SLOPE = 1e-3


@register
@dataclasses.dataclass(frozen=True)
class Sensitivity(Record):
    """A table of the metric with one layer pruned, and an allocation.

    It prints itself, and distributes a rate over the layers it knows:

    ```python
    scan = keras_slr.sensitivity(model, x, y)
    model.fit(..., callbacks=[SLRCallback(0.9, allocation=scan)])
    ```

    Attributes:
        metric: String, the metric that was evaluated.
        increases: Boolean, whether a higher metric is better.
        dense: Float, the metric of the unpruned model.
        rates: Tuple of floats, the rates at which layers were pruned.
        paths: Tuple of strings, for each layer, or each group of coupled
            layers, the path of its first weight.
        values: Tuple with a tuple of floats for each layer: the metric with
            that layer alone pruned, for each rate.
    """

    metric: str
    increases: bool
    dense: float
    rates: tuple[float, ...]
    paths: tuple[str, ...]
    values: tuple[tuple[float, ...], ...]

    def __post_init__(self):
        # JSON turns tuples into lists.
        for name in ("rates", "paths"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        object.__setattr__(self, "values", tuple(map(tuple, self.values)))

    @property
    def drops(self) -> np.ndarray:
        """Array of shape `(layers, rates)`: the loss in the metric."""
        worse = self.dense - np.array(self.values)
        return worse if self.increases else -worse

    def __call__(self, shares: list[Share], rate: float) -> list[float]:
        """Returns the rates at which all layers lose the same accuracy.

        The loss of a layer is interpolated linearly between the scanned
        rates, never falls, and is extrapolated beyond the last one. As in
        `keras_slr.allocation.allocations`, the rates of the layers add up to
        the requested share of all entries, and no layer is emptied.

        Args:
            shares: List of `allocation.Share`.
            rate: Float in `[0, 1)`.

        Raises:
            ValueError: If a layer was not scanned.
        """
        unknown = [s.path for s in shares if s.path not in self.paths]
        if unknown:
            raise ValueError(
                "Expected layers that were scanned. Received also: "
                f"{', '.join(unknown)}. Scan with the `include`, `exclude` and "
                "`structure` that the model is pruned with."
            )
        grid, curves = self._curves()
        curves = [curves[self.paths.index(share.path)] for share in shares]
        sizes = np.array([share.size for share in shares], "float64")
        most = 1.0 - FLOOR * (1.0 - rate)

        def rates_at(drop):
            rates = [np.interp(drop, curve, grid) for curve in curves]
            return np.minimum(rates, most)

        low, high = 0.0, max((curve[-1] for curve in curves), default=0.0)
        # More halvings would not change a float.
        for _ in range(60):
            drop = (low + high) / 2
            if rates_at(drop) @ sizes < rate * sizes.sum():
                low = drop
            else:
                high = drop
        return rates_at(high).tolist()

    def _curves(self):
        """Returns rates from 0 to 1, and a rising row of drops per layer."""
        grid = np.array([0.0, *self.rates, 1.0])
        drops = np.pad(self.drops, ((0, 0), (1, 0)))
        drops = np.maximum.accumulate(drops, axis=1)
        drops = drops + _SLOPE * (drops.max() or 1.0) * grid[:-1]
        slope = (drops[:, -1] - drops[:, -2]) / (grid[-2] - grid[-3])
        last = drops[:, -1] + slope * (grid[-1] - grid[-2])
        return grid, np.column_stack([drops, last])

    def render(self, width: int = 100) -> str:
        """Returns the table as text.

        Args:
            width: Integer, columns of the text. Defaults to `100`.
        """
        from rich.table import Table

        table = Table(box=None, pad_edge=False)
        table.add_column(f"{self.metric} with only", overflow="fold")
        for rate in self.rates:
            table.add_column(f"at {rate:g}", justify="right")
        for path, values in zip(self.paths, self.values):
            table.add_row(path, *(f"{value:.4g}" for value in values))
        console = text_console(width)
        console.print(table)
        console.print(f"{self.metric} of the dense model: {self.dense:.4g}")
        return console.file.getvalue()

    def __str__(self):
        return self.render()

    def plot(self, ax: "Axes | None" = None) -> "Axes":
        """Draws the metric over the rate, see `keras_slr.plots.sensitivity`.

        Args:
            ax: Matplotlib axes. Defaults to `None`, those of a new figure.

        Returns:
            Matplotlib axes.
        """
        from keras_slr import plots

        return plots.sensitivity(self, ax)


def sensitivity(
    model: keras.Model,
    x: Any,
    y: Any = None,
    rates: Iterable[float] = (0.5, 0.75, 0.9, 0.95),
    **plan: Any,
) -> Sensitivity:
    """Evaluates a model with one layer pruned at a time.

    Each layer, or group of layers that a structure couples, is pruned by
    magnitude without training, evaluated and restored. The metric is the
    first compiled one with a direction that Keras knows, else the loss.

    Args:
        model: Built and compiled Keras model. It is left as it was.
        x: Data for `model.evaluate`, which is called once for each layer and
            rate: arrays or a dataset, not a generator that ends.
        y: Targets, unless `x` contains them. Defaults to `None`.
        rates: Floats in `(0, 1)`. A structure that fixes its rate, such as
            `NM`, is pruned no further. Defaults to `(0.5, 0.75, 0.9, 0.95)`.
        **plan: Arguments of `Plan`: `include`, `exclude` and `structure`.

    Returns:
        `Sensitivity`.

    Raises:
        TypeError: If the model is not a Keras 3 model.
        ValueError: If the model is not built or not compiled, a rate is
            invalid, or a weight is not finite.
    """
    check_model(model)
    check_built(model)
    if not model.compiled:
        raise ValueError(
            f"Expected a compiled model. Received `{model.name}`: call "
            "`model.compile(...)` with a loss and the metric to evaluate."
        )
    check_no_grid(
        plan.get("constraint"),
        "sensitivity, which compares rates",
        "leave it out",
    )
    scanned = _checked(rates)
    constraints, _ = Plan(**plan).constraints(model)
    for constraint in constraints:
        for weight in constraint.weights:
            check_finite(weight.variable, weight.path)

    def evaluated(constraint=None):
        with _restored(model), backend.random_state_kept():
            if constraint is not None:
                _prune(constraint)
            return model.evaluate(x, y, verbose=0, return_dict=True)

    logs = evaluated()
    metric, increases = _metric(model, logs)
    return Sensitivity(
        metric=metric,
        increases=increases,
        dense=float(logs[metric]),
        rates=scanned,
        paths=tuple(c.weights[0].path for c in constraints),
        values=tuple(
            _values(constraint, scanned, lambda at: evaluated(at)[metric])
            for constraint in constraints
        ),
    )


def _checked(rates):
    received = rates
    listed = isinstance(rates, Iterable) and not isinstance(rates, (str, dict))
    for rate in rates if listed else ():
        check_rate(rate)
    rates = tuple(sorted(set(rates))) if listed else ()
    if not rates or rates[0] == 0:
        raise ValueError(
            "Expected rates in (0, 1) to prune each layer at. Received: "
            f"rates={received!r}."
        )
    return tuple(float(rate) for rate in rates)


@contextlib.contextmanager
def _restored(model):
    """Restores the values of all variables of a model on exit."""
    values = [
        np.array(keras.ops.convert_to_numpy(v.value)) for v in model.variables
    ]
    try:
        yield
    finally:
        for variable, value in zip(model.variables, values):
            variable.assign(value)


def _metric(model, logs):
    """Returns the name of the metric, and whether higher is better."""
    known = {
        metric.name: direction_of(metric)
        for group in model.metrics
        for metric in getattr(group, "metrics", [group])
        if direction_of(metric) is not None
    }
    for name in logs:
        for own, direction in known.items():
            # With several outputs, the name of an output precedes the metric.
            if name == own or name.endswith(f"_{own}"):
                return name, direction == "up"
    return "loss", False


def _values(constraint, rates, evaluate):
    """Returns the metric with one constraint at each of the rates."""
    structure, weights = constraint.structure, constraint.weights
    most = 1.0 if structure.rate is None else structure.rate
    # Rates that leave the same number of units are evaluated once.
    found = {}
    values = []
    for rate in rates:
        rate = structure.rounded(min(rate, most), *weights)
        count = constraint.count(rate)
        if count not in found:
            pruned = dataclasses.replace(constraint, rate=rate)
            found[count] = float(evaluate(pruned))
        values.append(found[count])
    return tuple(values)


def _prune(constraint):
    variables = [weight.variable for weight in constraint.weights]
    masks = constraint.nearest([backend.to_host(v) for v in variables])
    for variable, mask in zip(variables, masks):
        apply_mask(variable, mask)
    constraint.finish()
