"""A table of what blocks keep before and after units change places."""

import dataclasses
from typing import Any

from keras_slr_base.text_console import text_console


@dataclasses.dataclass(frozen=True)
class ReorderRow:
    """One kernel.

    Attributes:
        path: String.
        rate: Float, the share of its blocks that pruning would remove.
        before: Float, the share of the kernel's sum of squares that pruning
            would keep in the old order.
        after: Float, the same in the new order.
        reason: String, why units stay in place, or `None`.
    """

    path: str
    rate: float
    before: float
    after: float
    reason: str | None


@dataclasses.dataclass(frozen=True)
class ReorderReport:
    """A table of kernels that prints itself.

    Attributes:
        rows: List of `ReorderRow`, one per kernel that blocks will prune.
        moved: Integer, the number of units in a new place.
    """

    rows: list[ReorderRow]
    moved: int

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
        for name in ("rate", "kept before", "after"):
            table.add_column(name, justify="right")
        table.add_column("left in place because", overflow="fold")
        for row in self.rows:
            shares = f"{row.rate:.1%}", f"{row.before:.1%}", f"{row.after:.1%}"
            table.add_row(row.path, *shares, row.reason or "")
        console = text_console(width)
        console.print(table)
        console.print(f"{self.moved} units have a new place")
        return console.file.getvalue()

    def __str__(self):
        return self.render()
