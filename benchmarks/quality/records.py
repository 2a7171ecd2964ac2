"""Results on disk: one run a line, and runs that are not merged yet.

A finished run is first a file of its own, so that several processes can share
a sweep and a killed sweep can resume. The end of a sweep merges these files
into the tracked ones, sorted by task, method, rate, epochs and seed:

    FOLDER/TASK.jsonl             runs
    FOLDER/chosen.jsonl           settings chosen for each task and method
    FOLDER/unmerged/TASK/*.json   a run each, ignored by Git
    FOLDER/unmerged/chosen/*.json
"""

import json
import shutil

from benchmarks.quality.jobs import claimed
from benchmarks.quality.jobs import write

CHOSEN = "chosen"
UNMERGED = "unmerged"
_KEY = ("task", "method", "rate", "epochs", "seed")


def key(record):
    """Returns the tuple that identifies a record and sorts its line."""
    return tuple(record[name] for name in _KEY if name in record)


def read(folder, name):
    """Returns a dict from keys to the records of `NAME.jsonl`.

    Args:
        folder: `pathlib.Path` of the results.
        name: String, a task or `CHOSEN`.
    """
    path = folder / f"{name}.jsonl"
    if not path.exists():
        return {}
    records = map(json.loads, path.read_text().splitlines())
    return {key(record): record for record in records}


def tasks(folder):
    """Returns the names of the tasks that have runs."""
    names = sorted(path.stem for path in folder.glob("*.jsonl"))
    return [name for name in names if name != CHOSEN]


def merge(folder):
    """Merges the unmerged records of a folder into its `.jsonl` files.

    A record replaces the one with the same key. The unmerged files are then
    removed, unless another process works in the folder and may need them.

    Args:
        folder: `pathlib.Path` of the results.
    """
    unmerged = folder / UNMERGED
    with claimed(unmerged, wait=True), claimed(folder) as alone:
        if not unmerged.exists():
            return
        for part in unmerged.iterdir():
            found = [json.loads(p.read_text()) for p in part.glob("*.json")]
            if found:
                _update(folder, part.name, found)
        if alone:
            shutil.rmtree(unmerged)


def _update(folder, name, found):
    records = read(folder, name) | {key(record): record for record in found}
    lines = [json.dumps(records[key]) + "\n" for key in sorted(records)]
    write(folder / f"{name}.jsonl", "".join(lines))
