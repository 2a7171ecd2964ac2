"""The rows as text.

    python -m benchmarks.post_training.table

prints the stored rows as Markdown, a table for each network, with published
figures beside them.
"""

import pathlib
import statistics
import sys

from benchmarks.post_training.case import DENSE
from benchmarks.post_training.nets import NETS
from benchmarks.post_training.published import PUBLISHED
from benchmarks.post_training.published import SOURCE
from benchmarks.post_training.rows import read

FILE = "post_training.json"


def line(row):
    """Returns a row as a line to print."""
    seed = "" if row["seed"] is None else f"seed {row['seed']}"
    return (
        f"{row['net']:16} {_name(row):45} {row['zeros']:>5} {seed:7} "
        f"{row['accuracy']:6.2f} in {row['seconds']:.1f} s"
    )


def markdown(rows):
    """Returns the tables of all networks.

    Args:
        rows: List of dicts, see `rows.read`.
    """
    tables = {}
    for row in rows:
        tables.setdefault((row["net"], row["on"]), []).append(row)
    order = list(NETS)
    parts = sorted(tables, key=lambda part: (order.index(part[0]), part[1]))
    return "\n".join(_table(*part, tables[part]) for part in parts)


def _table(net, on, rows):
    columns = [
        share
        for share in NETS[net].zeros
        if any(row["zeros"] == share for row in rows)
    ]
    measured = {}
    for row in rows:
        if row["method"] != DENSE:
            cells = measured.setdefault(_name(row), {})
            cells.setdefault(row["zeros"], []).append(row)
    lines = [
        _heading(net, on, rows),
        "",
        _line(["", *map(_share, columns), "seconds"]),
        _line(["---"] * (len(columns) + 2)),
    ]
    for name, cells in measured.items():
        figures = [_cell(cells.get(share, [])) for share in columns]
        seconds = [r["seconds"] for found in cells.values() for r in found]
        lines.append(
            _line([name, *figures, f"{statistics.median(seconds):.3g}"])
        )
    if on == "test":
        for name, figures in PUBLISHED.get(net, {}).items():
            found = [f"{figures[s]:g}" if s in figures else "" for s in columns]
            lines.append(_line([f"{name}, published ({SOURCE})", *found, ""]))
    return "\n".join([*lines, ""])


def _heading(net, on, rows):
    text = f"## {net}, {on} images"
    if NETS[net].dense is None:
        return text + ", agreement with the dense network, chance is 50"
    dense = [row["accuracy"] for row in rows if row["method"] == DENSE]
    text += "".join(f", dense {accuracy:.2f}" for accuracy in dense)
    if on == "test":
        text += f" (published {NETS[net].dense:.2f})"
    return text


def _name(row):
    parts = [row["method"], row["allocation"]]
    if row["images"]:
        parts.append(f"{row['images']} images")
    parts += [f"{name}={value}" for name, value in row["arguments"].items()]
    return ", ".join(part for part in parts if part)


def _share(zeros):
    return zeros if ":" in zeros else f"{100 * float(zeros):g} %"


def _cell(rows):
    """Returns the mean over the seeds, with the range."""
    values = [row["accuracy"] for row in rows]
    if not values:
        return ""
    text = f"{statistics.mean(values):.2f}"
    if len(values) > 1:
        text += f" ({min(values):.2f} to {max(values):.2f})"
    return text


def _line(cells):
    return f"| {' | '.join(cells)} |"


def main(folder="benchmarks/results"):
    print(markdown(read(pathlib.Path(folder, FILE))))


if __name__ == "__main__":
    main(*sys.argv[1:])
