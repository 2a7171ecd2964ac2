"""`python -m benchmarks.reliability.kills --kills 30`, on the backend in use.

Each run is started, killed with SIGKILL and started again until it ends, and
then compared bit for bit with the same run left alone. Every other kill comes
as soon as a file is being written, the rest at random moments. After each kill
every file of the run is read.
"""

import argparse
import importlib.util
import json
import os
import pathlib
import random
import signal
import sys
import tempfile
import time
import traceback

import keras
import numpy as np

from benchmarks.reliability.kills.attempt import attempt
from benchmarks.reliability.kills.attempt import check
from benchmarks.reliability.kills.scenarios import SCENARIOS

RESULTS = pathlib.Path(__file__).parents[2] / "results"
# Seconds from one look at a child to the next.
_TICK = 0.003


def main(argv=None):
    """Kills runs, prints a line for each scenario and writes the figures.

    Returns:
        Integer, the exit code: `1` if anything was found.
    """
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.reliability.kills"
    )
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", help="JSON file, in benchmarks/results")
    args = parser.parse_args(argv)
    _import_all()
    backend = keras.config.backend()
    out = pathlib.Path(args.out or RESULTS / f"kills_{backend}.json")
    rows = []
    for i, scenario in enumerate(SCENARIOS):
        kills = len(range(i, args.kills, len(SCENARIOS)))
        if kills:
            rows.append(_kill_runs(scenario, kills, random.Random(args.seed)))
            print(json.dumps(rows[-1]), flush=True)
            out.write_text(json.dumps(_summary(backend, rows), indent=2) + "\n")
    found = _summary(backend, rows)
    return int(any(found[name] for name in ("differences", "unreadable")))


def _import_all():
    """Imports here what each process would import with its first `fit`."""
    # By Keras's data adapters, whatever the backend.
    if importlib.util.find_spec("tensorflow"):
        importlib.import_module("tensorflow")


def _summary(backend, rows):
    counts = ("kills", "kills_in_a_write", "runs", "differences", "unreadable")
    return {
        "backend": backend,
        "keras": keras.__version__,
        **{name: sum(row[name] for row in rows) for name in counts},
        "scenarios": rows,
    }


def _kill_runs(scenario, kills, rng):
    row = {"scenario": scenario.name, "kills": 0, "kills_in_a_write": 0}
    row |= {"runs": 0, "differences": 0, "unreadable": 0}
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        straight = folder / "straight"
        straight.mkdir()
        child = _Child(attempt, scenario, straight)
        child.wait_for_first_step()
        begun = time.monotonic()
        if not child.ended():
            raise RuntimeError("Expected a run that ends: see above.")
        seconds = time.monotonic() - begun
        while row["kills"] < kills:
            run = folder / f"run_{row['runs']}"
            run.mkdir()
            while not _start(scenario, run, seconds, rng, row, kills):
                pass
            row["runs"] += 1
            row["differences"] += _differences(straight, run)
    return row


def _start(scenario, run, seconds, rng, row, kills):
    """Starts or restarts a run; returns whether it is over."""
    child = _Child(attempt, scenario, run)
    if row["kills"] < kills:
        child.wait_for_first_step()
        in_a_write = rng.random() < 0.5
        until = time.monotonic() + rng.random() * 0.8 * seconds
        while time.monotonic() < until and not child.over():
            time.sleep(_TICK)
        before = _half_written(run)
        while in_a_write and not child.over() and _half_written(run) <= before:
            time.sleep(_TICK)
        if child.kill():
            row["kills"] += 1
            row["kills_in_a_write"] += not _half_written(run) <= before
            row["unreadable"] += not _Child(check, run).ended()
            return False
    # One that fails leaves no result, which counts as a difference.
    child.ended()
    return True


def _half_written(run):
    return set(run.rglob(".*"))


def _differences(straight, run):
    """Counts the arrays that differ, of all that a killed run wrote."""
    # Killed right after its last checkpoint a run has no state to write.
    names = {path.name for path in run.glob("[!.]*.npz")}
    count = int("result.npz" not in names)
    for name in sorted(names):
        with np.load(straight / name) as a, np.load(run / name) as b:
            different = [
                key
                for key in set(a) | set(b)
                if key not in a
                or key not in b
                or not np.array_equal(a[key], b[key], equal_nan=True)
            ]
        if different:
            print(run.name, name, sorted(different), file=sys.stderr)
        count += len(different)
    return count


class _Child:
    """A function in a process forked off this one, which computes nothing.

    Imports take longer than the runs do.
    """

    def __init__(self, function, *args):
        self._status = None
        told, tell = os.pipe()
        self._pid = os.fork()
        if self._pid == 0:
            os.close(told)
            code = 1
            try:
                if function is attempt:
                    args = (*args, lambda: os.write(tell, b"."))
                function(*args)
                code = 0
            except BaseException:
                traceback.print_exc()
            finally:
                sys.stderr.flush()
                os._exit(code)
        os.close(tell)
        self._told = told

    def wait_for_first_step(self):
        """Returns once the first step is done, or the process over."""
        os.read(self._told, 1)

    def over(self):
        if self._status is None:
            pid, status = os.waitpid(self._pid, os.WNOHANG)
            self._status = status if pid else None
        return self._status is not None

    def kill(self):
        """Kills the process; returns whether it was still running."""
        if self.over():
            return False
        os.kill(self._pid, signal.SIGKILL)
        self._wait()
        return os.WIFSIGNALED(self._status)

    def ended(self):
        """Waits for the end and returns whether it was a good one."""
        self._wait()
        return self._status == 0

    def _wait(self):
        if self._status is None:
            self._status = os.waitpid(self._pid, 0)[1]
        if self._told is not None:
            os.close(self._told)
            self._told = None


if __name__ == "__main__":
    sys.exit(main())
