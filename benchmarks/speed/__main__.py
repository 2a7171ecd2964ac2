"""What pruning costs in time and memory: one command for all of it.

    KERAS_BACKEND=jax python -m benchmarks.speed --data-dir DATA

Writes `speed_BACKEND.json`; a part that is not measured again keeps its rows
there. Figures are medians of runs in turns, with quartiles. A row whose spread
is too wide for what it has to show says so: run it again on a machine without
other work.
"""

import argparse
import json
import pathlib

import keras

from benchmarks.speed import device
from benchmarks.speed import imports
from benchmarks.speed import runs
from benchmarks.speed import selection
from benchmarks.speed import sharded
from benchmarks.speed import steps
from benchmarks.speed import tools
from benchmarks.speed import updates
from benchmarks.speed.options import Options
from benchmarks.speed.table import line

PARTS = {
    part.NAME: part
    for part in (selection, updates, sharded, steps, runs, imports, tools)
}


def main(argv=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--part", choices=PARTS, action="append")
    parser.add_argument("--model", action="append", default=[])
    parser.add_argument("--entries", type=int, action="append", default=[])
    parser.add_argument("--pairs", type=int)
    parser.add_argument("--longer", type=int, default=1)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--data-dir")
    parser.add_argument("--out", default="benchmarks/results")
    args = parser.parse_args(argv)
    options = Options(
        tuple(args.model),
        tuple(args.entries),
        args.quick,
        args.pairs,
        args.longer,
        args.data_dir,
    )
    path = pathlib.Path(args.out, f"speed_{keras.config.backend()}.json")
    for name in args.part or PARTS:
        for row in PARTS[name].rows(options):
            print(line(row), flush=True)
            store(path, name, row)


def store(path, part, row):
    """Puts a row into the file, in the place of an earlier one."""
    results = json.loads(path.read_text()) if path.exists() else {"rows": []}
    row = {"part": part} | row | device.describe()
    rows = [each for each in results["rows"] if _key(each) != _key(row)]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"rows": [*rows, row]}, indent=1) + "\n")


def _key(row):
    return [row[name] for name in ("part", "case", "kind", "quantity")]


if __name__ == "__main__":
    main()
