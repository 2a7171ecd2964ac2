"""The result of a benchmark, as figures, as a table and as JSON."""

import dataclasses
import json
import os
from typing import TYPE_CHECKING

from tflite_export.benchmark.spread import Spread

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Below this share of a core, latencies include waiting.
_QUIET = 0.95


@dataclasses.dataclass(frozen=True)
class Row:
    """One file at one number of threads.

    Attributes:
        name: String.
        path: String, the path of the file.
        threads: Integer, threads of the interpreter.
        bytes: Integer, the size of the file.
        gzip_bytes: Integer, the size of the file compressed with gzip.
        seconds: `Spread` of the latency, or `None` if it could not be measured.
        times_faster: `Spread` of the ratios of the first file's latency to
            this one's, by turns, or `None`.
        core_share: Float, the median share of its turns in which the process
            ran on a core; above 1 with several threads; or `None`.
        memory: Integer, the bytes that the file took at its peak to be loaded
            and run, or `None` if the system does not report it.
        score: Float, the metric of its outputs, or `None` without data.
        failure: String, how it failed, or `None`.
    """

    name: str
    path: str
    threads: int
    bytes: int
    gzip_bytes: int
    seconds: Spread | None
    times_faster: Spread | None
    core_share: float | None
    memory: int | None
    score: float | None
    failure: str | None


@dataclasses.dataclass(frozen=True)
class Benchmark:
    """The rows of a benchmark, as a table, a plot and JSON.

    Attributes:
        rows: Tuple of `Row`: all files at the first number of threads, then
            at the next.
        metric: String, the name of the score.
        rounds: Integer, turns of each file.
    """

    rows: tuple[Row, ...]
    metric: str
    rounds: int

    @property
    def core_share(self) -> float:
        """Float, the smallest share of a core that a file had in its turns."""
        shares = [row.core_share for row in self.rows if row.core_share]
        return min(shares, default=1.0)

    @property
    def quiet(self) -> bool:
        """Whether the latencies contain no waiting for other processes."""
        return self.core_share >= _QUIET

    def to_json(self) -> str:
        """Returns the figures as JSON, seconds and bytes as units."""
        return json.dumps(dataclasses.asdict(self), indent=1)

    def render(self, width: int = 120) -> str:
        """Returns the table as text.

        Args:
            width: Integer, columns of the text. Defaults to `120`.
        """
        from rich.markup import escape
        from rich.table import Table

        from keras_slr_base.text_console import text_console

        table = Table(box=None, pad_edge=False)
        table.add_column("file", overflow="fold")
        names = ["threads", "ms", "times faster", "peak MB", "KB", "gzip KB"]
        scored = any(row.score is not None for row in self.rows)
        if scored:
            names.append(self.metric)
        for name in names:
            table.add_column(name, justify="right", no_wrap=True)
        for row in self.rows:
            cells = [
                row.seconds and row.seconds.text(1e-3),
                row.times_faster and row.times_faster.text(),
                row.memory is not None and f"{row.memory / 1e6:.1f}",
                f"{row.bytes / 1000:.1f}",
                f"{row.gzip_bytes / 1000:.1f}",
            ]
            if scored:
                cells.append(row.score is not None and f"{row.score:.4g}")
            table.add_row(
                escape(row.name),
                str(row.threads),
                *(cell or "-" for cell in cells),
            )
        console = text_console(width)
        console.print(table)
        text = console.file.getvalue() + (
            f"Medians of {self.rounds} turns (quartiles); times faster than "
            f"{self.rows[0].name}, by turns.\n"
        )
        if not self.quiet:
            text += (
                "Other work took the cores meanwhile, "
                f"{1 - self.core_share:.0%} of the time of one file: measure "
                "again on a quiet machine.\n"
            )
        return text + "".join(
            f"{row.name} at {row.threads} threads failed: {row.failure}\n"
            for row in self.rows
            if row.failure
        )

    def __str__(self) -> str:
        return self.render()

    def plot(self, path: str | os.PathLike[str] | None = None) -> "Figure":
        """Draws latency against size, and against the score with data.

        Args:
            path: Image file to write. Defaults to `None`, none.

        Returns:
            Matplotlib figure.

        Raises:
            ImportError: If matplotlib is not installed.
        """
        from tflite_export.benchmark.plot import plot

        return plot(self, path)
