"""Two models side by side: parameters, operations and bytes."""

import dataclasses
import math
import re
from typing import Any

import keras

from keras_slr.models.graph import graph_of
from keras_slr.reports.macs import macs
from keras_slr_base.text_console import text_console


@dataclasses.dataclass(frozen=True)
class DiffRow:
    """One layer before and after.

    Attributes:
        name: String, the layer, prefixed by the models around it.
        parameters: Pair of integers, before and after.
        macs: Pair of integers, multiply-accumulates for one example.
        bytes: Pair of integers, size of the weights in memory.
    """

    name: str
    parameters: tuple[int, int]
    macs: tuple[int, int]
    bytes: tuple[int, int]


@dataclasses.dataclass(frozen=True)
class SummaryDiff:
    """A table of layers before and after that prints itself.

    Attributes:
        rows: List of `DiffRow` of the layers with weights, in their order.
    """

    rows: list[DiffRow]

    @property
    def total(self) -> DiffRow:
        """`DiffRow` of the whole model."""
        columns = zip(
            *((row.parameters, row.macs, row.bytes) for row in self.rows)
        )
        return DiffRow("total", *(_sum(pairs) for pairs in columns))

    def to_dicts(self) -> list[dict[str, Any]]:
        """Returns the rows and the total as dicts, ready for JSON."""
        rows = [dataclasses.asdict(row) for row in (*self.rows, self.total)]
        return [
            {k: list(v) if isinstance(v, tuple) else v for k, v in row.items()}
            for row in rows
        ]

    def render(self, width: int = 100) -> str:
        """Returns the table as text.

        Args:
            width: Integer, columns of the text. Defaults to `100`.
        """
        from rich.table import Table

        table = Table(box=None, pad_edge=False)
        table.add_column("layer", overflow="fold")
        for name in ("parameters", "MACs", "bytes"):
            table.add_column(name, justify="right")
            table.add_column("after", justify="right")
            table.add_column("", justify="right")
        for row in (*self.rows, self.total):
            cells = []
            for before, after in (row.parameters, row.macs, row.bytes):
                share = f"{after / before:.0%}" if before else ""
                cells += [f"{before:,}", f"{after:,}", share]
            table.add_row(row.name, *cells)
        console = text_console(width)
        console.print(table)
        return console.file.getvalue()

    def __str__(self):
        return self.render()


def summary_diff(before: keras.Model, after: keras.Model) -> SummaryDiff:
    """Compares two models layer by layer, by the names of the layers.

    Args:
        before: Built Functional or Sequential model.
        after: Built Functional or Sequential model, such as `shrink` returns.

    Returns:
        `SummaryDiff`.

    Raises:
        TypeError: If a model is not a Keras 3 model.
        ValueError: If a model is not built or its graph is not known, or a
            layer that is counted has inputs of unknown size.
    """
    counts = [macs(model) for model in (before, after)]
    layers = [_layers_of(model) for model in (before, after)]
    names = dict.fromkeys((*layers[0], *layers[1]))
    rows = []
    for name in names:
        (entries, size), (entries_after, size_after) = (
            _size_of(found.get(name, [])) for found in layers
        )
        macs_of, macs_after = (count.get(name, 0) for count in counts)
        rows.append(
            DiffRow(
                name,
                (entries, entries_after),
                (macs_of, macs_after),
                (size, size_after),
            )
        )
    return SummaryDiff(rows)


def _sum(pairs):
    before, after = zip(*pairs)
    return sum(before), sum(after)


def _layers_of(model, prefix="", met=None):
    """Returns the weights of each layer, without those of inner models.

    A layer that several models use belongs to the first.
    """
    found = {}
    met = set() if met is None else met
    for layer in graph_of(model).layers:
        name = prefix + layer.name
        if graph_of(layer) is not None:
            found |= _layers_of(layer, f"{name}/", met)
        elif layer.weights and id(layer) not in met:
            found[name] = layer.weights
            met.add(id(layer))
    return found


def _size_of(weights):
    """Returns the number of entries and of bytes of some weights."""
    entries = [math.prod(w.shape) for w in weights]
    bits = [re.search(r"\d+|$", w.dtype).group() or 8 for w in weights]
    return sum(entries), sum(n * int(b) // 8 for n, b in zip(entries, bits))
