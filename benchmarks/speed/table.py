"""The rows as text.

    python -m benchmarks.speed.table

prints the stored rows of all backends as Markdown, for `docs/performance.md`.
"""

import json
import pathlib

BACKENDS = {"tensorflow": "TensorFlow", "jax": "JAX", "torch": "PyTorch"}


def line(row):
    """Returns a row as a line to print."""
    text = (
        f"{row['case']:25} {row['kind']:18} {_cell(row):32} "
        f"{row['count']} of {row['quantity']}"
    )
    if row["limit"] is not None:
        text += f" [limit {row['limit']:g}]"
    return text + (f": {row['doubt']}" if row["doubt"] else "")


def markdown(results):
    """Returns the tables of all parts, a column for each backend.

    Args:
        results: Dict of lists of rows by backend.
    """
    parts = {}
    for backend, rows in results.items():
        for row in rows:
            key = row["case"], row["kind"], row["quantity"]
            cells = parts.setdefault(row["part"], {}).setdefault(key, {})
            cells[backend] = _cell(row) + (
                f" ({row['doubt']})" if row["doubt"] else ""
            )
    lines = []
    for part, found in parts.items():
        heads = ["", "", *(BACKENDS[b] for b in results), "unit"]
        lines += [f"## {part}", "", _line(heads), _line(["---"] * len(heads))]
        for (case, kind, quantity), cells in found.items():
            figures = [cells.get(backend, "") for backend in results]
            lines.append(_line([case, kind, *figures, quantity]))
        lines.append("")
    return "\n".join(lines)


def _cell(row):
    low, high = row["quartiles"]
    median, low, high = (f"{x:.3g}" for x in (row["median"], low, high))
    return f"{median} ({low} to {high})"


def _line(cells):
    return f"| {' | '.join(cells)} |"


def main(folder="benchmarks/results"):
    results = {}
    for backend in BACKENDS:
        path = pathlib.Path(folder, f"speed_{backend}.json")
        if path.exists():
            results[backend] = json.loads(path.read_text())["rows"]
    print(markdown(results))


if __name__ == "__main__":
    main()
