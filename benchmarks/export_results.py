"""What the benchmarks of exported files print and write."""

import dataclasses
import json
import pathlib


@dataclasses.dataclass(frozen=True)
class Bar:
    """A figure that was set as a goal, and what was measured.

    Attributes:
        what: String, with its unit.
        goal: Float.
        measured: Float.
        at_most: Boolean, whether less is better. Defaults to `False`.
        unusable: String, why the measurement decides nothing, or `None`.
            Defaults to `None`.
    """

    what: str
    goal: float
    measured: float
    at_most: bool = False
    unusable: str | None = None

    @property
    def met(self):
        """Whether the goal was met, `None` if nothing can be said."""
        if self.unusable:
            return None
        if self.at_most:
            return bool(self.measured <= self.goal)
        return bool(self.measured >= self.goal)

    def text(self):
        """Returns it as a line of a report."""
        bound = "at most" if self.at_most else "at least"
        verdicts = {True: "met", False: "missed"}
        verdict = verdicts.get(self.met, f"no verdict, {self.unusable}")
        return (
            f"{self.what}: {self.measured:.4g} ({bound} {self.goal:.4g}: "
            f"{verdict})"
        )


def add_arguments(parser, rounds=60):
    """Adds the arguments of every benchmark of exported files."""
    parser.add_argument("--out", default="benchmarks/results")
    parser.add_argument("--rounds", type=int, default=rounds)


def save(name, folder, bars, benchmark=None, **figures):
    """Prints and writes what a benchmark found.

    Args:
        name: String, the name of the file without `.json`.
        folder: Folder, made if missing.
        bars: List of `Bar`.
        benchmark: `tflite_export.benchmark.Benchmark`. Defaults to `None`.
        **figures: Further figures, as plain values.
    """
    found = {
        "bars": [{**vars(bar), "met": bar.met} for bar in bars],
        **figures,
    }
    if benchmark is not None:
        print(benchmark.render(), end="")
        found["benchmark"] = json.loads(benchmark.to_json())
        for row in found["benchmark"]["rows"]:
            del row["path"]  # A temporary one.
    for bar in bars:
        print(bar.text())
    path = pathlib.Path(folder) / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(found, indent=1) + "\n")
    print(f"Wrote {path}.", flush=True)


def speed_bar(what, goal, benchmark, name, threads=1):
    """Returns the `Bar` of a file that is to be faster than the first one.

    Args:
        what: String, what the figure is called.
        goal: Float, how many times faster.
        benchmark: `tflite_export.benchmark.Benchmark`.
        name: String, the name of the file.
        threads: Integer, threads of the interpreter. Defaults to `1`.

    Returns:
        `Bar`, without a verdict if other work took the cores meanwhile.

    Raises:
        RuntimeError: If the file did not run.
    """
    measured = _row(benchmark, name, threads).times_faster.median
    unusable = None if benchmark.quiet else "other work took the cores"
    return Bar(what, goal, measured, unusable=unusable)


def _row(benchmark, name, threads):
    (row,) = [
        row
        for row in benchmark.rows
        if (row.name, row.threads) == (name, threads)
    ]
    if row.failure:
        raise RuntimeError(
            f"Expected a file that runs, received {name}, which failed: "
            f"{row.failure}."
        )
    return row
