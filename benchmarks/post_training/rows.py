"""The rows on disk: one file, which several processes can add to."""

import json

from benchmarks.post_training.case import Case
from benchmarks.quality.jobs import claimed
from benchmarks.quality.jobs import write

_KEY = tuple(Case.__dataclass_fields__)


def read(path):
    """Returns the rows of a file, an empty list if there is none.

    Args:
        path: `pathlib.Path`.
    """
    return json.loads(path.read_text()) if path.exists() else []


def has(path, case):
    """Returns whether a file has the row of a case."""
    return any(_key(row) == case.key for row in read(path))


def store(path, row):
    """Puts a row into a file, in the place of an earlier one."""
    with claimed(path, wait=True):
        others = [each for each in read(path) if _key(each) != _key(row)]
        lines = ",\n".join(json.dumps(each) for each in [*others, row])
        write(path, f"[\n{lines}\n]\n")


def _key(row):
    return {name: row[name] for name in _KEY}
