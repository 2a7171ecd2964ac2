"""What `import keras_slr` adds to `import keras`, in processes of their own."""

import os
import subprocess
import sys

from benchmarks.speed.rows import row

NAME = "imports"
TIMED = """
import time
start = time.perf_counter()
import keras
between = time.perf_counter()
import keras_slr
print(time.perf_counter() - between)
"""


def rows(options):
    """Yields the row of the import."""
    seconds = [_seconds() for _ in range(options.count(9, 3))]
    yield row(
        "import keras_slr",
        "after import keras",
        "seconds",
        seconds,
        0.15,
        margin=0.05,
    )


def _seconds():
    done = subprocess.run(
        [sys.executable, "-c", TIMED],
        env=os.environ,
        capture_output=True,
        text=True,
        check=True,
    )
    return float(done.stdout.splitlines()[-1])
