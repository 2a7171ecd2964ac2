"""A table of the units that `shrink` cuts, and why others stay."""

import dataclasses
from typing import Any

from keras_slr.shrinking.groups import Group
from keras_slr.shrinking.removable_units import Cut
from keras_slr.shrinking.zeros_that_stay import why_zeros_stay
from keras_slr.shrinking.zeros_that_stay import zeros_in_opaque
from keras_slr_base.text_console import text_console


@dataclasses.dataclass(frozen=True)
class GroupRow:
    """One group in a report.

    Attributes:
        group: `Group`.
        kept: Integer, the number of units that stay.
        reason: String, why all or some units stay, or `None`.
    """

    group: Group
    kept: int
    reason: str | None


@dataclasses.dataclass(frozen=True)
class ShrinkReport:
    """A table of groups that prints itself.

    Attributes:
        rows: List of `GroupRow`, in the order of the graph, then those of zero
            units inside layers that are left whole.
    """

    rows: list[GroupRow]

    @classmethod
    def of(cls, cut: Cut) -> "ShrinkReport":
        """Returns the report of a `removable_units.Cut`."""
        rows = []
        for i, group in enumerate(cut.partition.groups):
            removed = cut.removed_from(i)
            reason = (
                group.reason
                or cut.waits.get(i)
                or why_zeros_stay(group, removed)
            )
            rows.append(GroupRow(group, group.size - len(removed), reason))
        opaque = zeros_in_opaque(cut.trace)
        return cls([*rows, *(GroupRow(g, g.size, g.reason) for g in opaque)])

    @property
    def removed(self) -> int:
        """The number of units that are cut."""
        return sum(row.group.size - row.kept for row in self.rows)

    @property
    def whole(self) -> list[GroupRow]:
        """The rows of the groups that cannot be cut."""
        return [row for row in self.rows if row.group.reason]

    def to_dicts(self) -> list[dict[str, Any]]:
        """Returns the rows as dicts of plain values, ready for JSON."""
        return [
            {
                "group": row.group.name,
                "members": row.group.parts,
                "size": row.group.size,
                "kept": row.kept,
                "reason": row.reason,
            }
            for row in self.rows
        ]

    def render(self, width: int = 100) -> str:
        """Returns the table as text.

        Args:
            width: Integer, columns of the text. Defaults to `100`.
        """
        from rich.table import Table

        table = Table(box=None, pad_edge=False)
        table.add_column("group")
        table.add_column("units", justify="right")
        table.add_column("kept", justify="right")
        table.add_column("members", overflow="fold")
        table.add_column("left whole because", overflow="fold")
        for row in self.to_dicts():
            table.add_row(
                row["group"],
                f"{row['size']}",
                f"{row['kept']}",
                ", ".join(row["members"]),
                row["reason"] or "",
            )
        console = text_console(width)
        console.print(table)
        console.print(
            f"{self.removed} units are cut; {len(self.whole)} of "
            f"{len(self.rows)} groups cannot be cut"
        )
        return console.file.getvalue()

    def __str__(self):
        return self.render()
