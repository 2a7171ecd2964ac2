"""What pruning without training did to each kernel."""

import dataclasses
import math
from typing import Any

from keras_slr.layerwise.solve import Errors
from keras_slr.reports import Report
from keras_slr_base.text_console import text_console


@dataclasses.dataclass(frozen=True)
class LayerRow:
    """One pruned kernel.

    Attributes:
        path: String, its name.
        rate: Float, the share of zeros that was asked for, or that the
            solver chose.
        zeros: Float, the share of entries that are zero now.
        before: `Errors` of the layer's outputs if its largest entries or
            units had been kept as they were.
        after: `Errors` now.
        damping: Float, the damping chosen.
        rows: Integer, the number of rows that were calibrated on.
        inputs: Integer, the number of inputs of each output. Fewer rows than
            that leave the kernel undetermined; damping decides.
        seconds: Float, the time that the solver took.
    """

    path: str
    rate: float
    zeros: float
    before: Errors
    after: Errors
    damping: float
    rows: int
    inputs: int
    seconds: float


@dataclasses.dataclass(frozen=True)
class LayerwiseReport:
    """A table of pruned kernels that prints itself.

    Attributes:
        rows: List of `LayerRow`, in the order in which they were pruned.
        weights: `Report` of all weights, as `hard_prune` returns it.
        samples: Integer, the number of calibration samples.
        batch_norms: Integer, the number of batch normalizations whose
            statistics were matched.
        seconds: Float, the time of the whole call.
    """

    rows: list[LayerRow]
    weights: Report
    samples: int
    batch_norms: int
    seconds: float

    @property
    def sparsity(self) -> float:
        """Share of zeros over the pruned weights."""
        return self.weights.sparsity

    def to_dicts(self) -> list[dict[str, Any]]:
        """Returns the rows as dicts of plain values, ready for JSON."""
        return [dataclasses.asdict(row) for row in self.rows]

    def render(self, width: int = 100) -> str:
        """Returns the table as text.

        Args:
            width: Integer, columns of the text. Defaults to `100`.
        """
        from rich.table import Table

        table = Table(box=None, pad_edge=False)
        table.add_column("kernel", overflow="fold")
        for name in (
            "rate",
            "zeros",
            "error before",
            "after",
            "held out",
            "damping",
            "seconds",
        ):
            table.add_column(name, justify="right")
        for row in self.rows:
            table.add_row(
                row.path,
                f"{row.rate:.2%}",
                f"{row.zeros:.2%}",
                _share(row.before.calibration),
                _share(row.after.calibration),
                _share(row.after.held_out),
                f"{row.damping:g}",
                f"{row.seconds:.1f}",
            )
        console = text_console(width)
        console.print(table)
        console.print(
            f"{self.samples} samples; pruned weights: {self.sparsity:.2%} "
            f"zeros; whole model: {self.weights.total_sparsity:.2%} zeros; "
            f"{self.seconds:.0f} s"
        )
        few = [row for row in self.rows if row.rows < row.inputs]
        if few:
            console.print(
                f"{len(few)} of {len(self.rows)} kernels saw fewer rows than "
                f"they have inputs, such as `{few[0].path}` with "
                f"{few[0].rows} for {few[0].inputs}: more samples help."
            )
        return console.file.getvalue()

    def __str__(self):
        return self.render()


def _share(error):
    return "" if math.isnan(error) else f"{error:.2%}"
