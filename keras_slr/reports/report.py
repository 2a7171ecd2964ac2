"""A table of a model's weights: zeros, rates, and why some are left alone."""

import dataclasses
import math
from typing import Any

import keras

from keras_slr import backend
from keras_slr.allocation.user_rates import Rate
from keras_slr.grids import Grid
from keras_slr.grids.points import has_grid
from keras_slr.grids.points import most_values
from keras_slr.models.checks import check_built
from keras_slr.models.checks import check_model
from keras_slr.models.student import student_of
from keras_slr.models.weight_values import zeros_of
from keras_slr.planning.plan import Plan
from keras_slr.selection import Reason
from keras_slr.selection.kernels import weights_of
from keras_slr.structures.constraint import Refusal
from keras_slr.structures.constraint import numbered
from keras_slr_base.text_console import text_console


@dataclasses.dataclass(frozen=True)
class WeightRow:
    """One weight in a report.

    Attributes:
        path: Name of the weight with those of the layers around it.
        shape: Tuple of integers.
        rate: Float, the requested rate, or `None` if left alone.
        zeros: Integer, the number of entries that are exactly zero.
        residual: Float, `||W - Z|| / ||W||` just before hard pruning, or
            `None` where there was no `Z`.
        reason: `Reason` or `structures.constraint.Refusal`, why the weight is
            left alone, or `None`.
        grid: `Grid` that the entries have to lie on, or `None`.
        values: Integer, the largest number of different values with one step
            of the grid, or `None` without a grid.
    """

    path: str
    shape: tuple
    rate: float | None
    zeros: int
    residual: float | None
    reason: Reason | Refusal | None
    grid: Grid | None = None
    values: int | None = None

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    @property
    def sparsity(self) -> float:
        return self.zeros / self.size if self.size else 0.0


@dataclasses.dataclass(frozen=True)
class Report:
    """A table of weights that prints itself.

    Attributes:
        rows: List of `WeightRow`, in the order of the layers.
        warning: String, why the run may have lost accuracy needlessly, or
            `None`.
    """

    rows: list[WeightRow]
    warning: str | None = None

    @classmethod
    def after_pruning(
        cls,
        model: keras.Model,
        rows: list[WeightRow],
        warning: str | None = None,
    ) -> "Report":
        """Returns the report with the zeros that the model has now."""
        return cls(
            [
                dataclasses.replace(
                    row,
                    zeros=zeros_of(weight.variable),
                    values=_values(row.grid, weight),
                )
                for row, weight in zip(rows, weights_of(student_of(model)))
            ],
            warning,
        )

    @property
    def pruned(self) -> list[WeightRow]:
        """The rows of the weights that are pruned."""
        return [row for row in self.rows if row.reason is None]

    @property
    def sparsity(self) -> float:
        """Share of zeros over the pruned weights."""
        size = sum(row.size for row in self.pruned)
        return sum(row.zeros for row in self.pruned) / size if size else 0.0

    @property
    def total_sparsity(self) -> float:
        """Share of zeros over all weights of the model."""
        size = sum(row.size for row in self.rows)
        return sum(row.zeros for row in self.rows) / size if size else 0.0

    @property
    def _on_grid(self):
        return any(row.grid is not None for row in self.rows)

    def to_dicts(self) -> list[dict[str, Any]]:
        """Returns the rows as dicts of plain values, ready for JSON."""
        on_grid = self._on_grid
        return [
            {
                "path": row.path,
                "shape": list(row.shape),
                "rate": row.rate,
                "zeros": row.zeros,
                "residual": row.residual,
                "reason": None if row.reason is None else row.reason.value,
            }
            | ({"values": row.values} if on_grid else {})
            for row in self.rows
        ]

    def render(self, width: int = 100) -> str:
        """Returns the table as text.

        Args:
            width: Integer, columns of the text. Defaults to `100`.
        """
        from rich.table import Table

        table = Table(box=None, pad_edge=False)
        for name in ("weight", "shape"):
            table.add_column(name, overflow="fold")
        on_grid = self._on_grid
        names = ["rate", "zeros", "sparsity", "residual"]
        for name in names + ["values"] * on_grid:
            table.add_column(name, justify="right")
        table.add_column("left alone because", overflow="fold")
        for row in self.rows:
            table.add_row(
                row.path,
                "x".join(str(n) for n in row.shape) or "()",
                "" if row.rate is None else f"{row.rate:g}",
                f"{row.zeros}",
                f"{row.sparsity:.2%}",
                "" if row.residual is None else f"{row.residual:.1e}",
                *(["" if row.values is None else f"{row.values}"] * on_grid),
                "" if row.reason is None else row.reason.value,
            )
        console = text_console(width)
        console.print(table)
        console.print(
            f"pruned weights: {self.sparsity:.2%} zeros; "
            f"whole model: {self.total_sparsity:.2%} zeros"
        )
        if self.warning:
            console.print(self.warning)
        return console.file.getvalue()

    def __str__(self):
        return self.render()


def report(model: keras.Model, rate: Rate | None = None, **plan: Any) -> Report:
    """Describes every weight of a model.

    Args:
        model: Built Keras model, pruned or not.
        rate: The requested rate, see `Plan`, to show beside the zeros.
            Defaults to `None`, none.
        **plan: Further arguments of `Plan`: `include`, `exclude`,
            `structure`, `allocation`, `budget`, `target` and `constraint`.

    Returns:
        `Report`.

    Raises:
        TypeError: If the model is not a Keras 3 model.
        ValueError: If the model is not built, or a selector matches nothing.
    """
    check_model(model)
    check_built(model)
    whole = Plan(rate, **plan)
    try:
        constraints, left = whole.constraints(model)
    except ValueError:
        if whole != Plan(rate) or isinstance(rate, dict):
            raise
        # People read a report to learn why there is nothing to prune.
        constraints, left = [], [(w, w.default) for w in weights_of(model)]
    described = report_of(model, constraints, left, whole.constraint)
    asked = (rate, whole.structure, whole.budget, whole.target)
    if any(given is not None for given in asked):
        return described
    return Report([dataclasses.replace(r, rate=None) for r in described.rows])


def report_of(model, constraints, left, grid=None):
    """Describes every weight of a model as it is now.

    Args:
        model: Built Keras model.
        constraints: List of `structures.Constraint`.
        left: List of pairs of a weight and the reason it is left alone.
        grid: `Grid` of the kept entries. Defaults to `None`.
    """
    weights, rates, _ = numbered(constraints)
    rates = {id(w.variable): rate for w, rate in zip(weights, rates)}
    reasons = dict_of_reasons(left, constraints, grid)
    return _in_layer_order(model, rates, {}, reasons, grid)


def rows_of(run):
    """Returns the rows of a run in progress, with rates and residuals."""
    return _in_layer_order(
        run.model,
        {id(slot.w): slot.rate for slot in run.split.slots},
        run.residuals,
        dict_of_reasons(run.left, run.split.constraints, run.split.grid),
        run.split.grid,
    ).rows


def dict_of_reasons(left, constraints, grid=None):
    """Returns why weights are left alone, by the id of the variable.

    Args:
        left: List of pairs of a weight and a reason.
        constraints: List of `structures.Constraint`. One that sets nothing
            of a weight to zero is a reason too, unless there is a grid.
        grid: See `report_of`. Defaults to `None`.
    """
    reasons = {id(weight.variable): reason for weight, reason in left}
    left_alone = [c.idle if grid is None else None for c in constraints]
    pairs = list(zip(constraints, left_alone))
    idle = [(c, Refusal(why)) for c, why in pairs if why]
    acting = [(c, None) for c, why in pairs if not why]
    for constraint, reason in (*idle, *acting):
        reasons |= {id(w.variable): reason for w in constraint.weights}
    return reasons


def _in_layer_order(model, rates, residuals, reasons, grid):
    def row(weight):
        key = id(weight.variable)
        own = grid if key in rates and has_grid(weight) else None
        return WeightRow(
            path=weight.path,
            shape=tuple(weight.variable.shape),
            rate=rates.get(key),
            zeros=zeros_of(weight.variable),
            residual=residuals.get(key),
            reason=reasons.get(key),
            grid=own,
            values=_values(own, weight),
        )

    return Report([row(weight) for weight in weights_of(student_of(model))])


def _values(grid, weight):
    if grid is None:
        return None
    return most_values(grid, weight, backend.to_host(weight.variable))
