"""Work that several processes share: a job is one file, and who makes it."""

import contextlib
import dataclasses
import fcntl
import hashlib
import json
import pathlib
import tempfile
import time

# Seconds between looks at what other processes have still to finish.
PAUSE = 1.0


@dataclasses.dataclass(frozen=True)
class Job:
    """One file of results.

    Attributes:
        path: `pathlib.Path` of it. A job whose file is there is done.
        make: Function without arguments that returns what to store, a dict.
        after: Tuple of jobs that have to be done before. Defaults to none.
    """

    path: pathlib.Path
    make: object
    after: tuple = ()

    @property
    def done(self):
        return self.path.exists()

    @property
    def ready(self):
        return all(job.done for job in self.after)

    def read(self):
        """Returns what is stored."""
        return json.loads(self.path.read_text())

    def run(self):
        """Makes and stores the results, if no other process is at it.

        Returns:
            Boolean, whether this process did.
        """
        with claimed(self.path) as mine:
            if not mine or self.done:
                return False
            _store(self.path, self.make())
            return True


def work(jobs):
    """Runs jobs until all are done, by this process or by others.

    Args:
        jobs: List of `Job`, in the order to run them in.
    """
    while open_ := [job for job in jobs if not job.done]:
        # The first one that is free: its run may make others ready.
        if not any(job.ready and job.run() for job in open_):
            time.sleep(PAUSE)


@contextlib.contextmanager
def claimed(path, wait=False):
    """Claims a file that is to be made, among processes of one machine.

    The claim ends with the block or, however that comes, the process.

    Args:
        path: `pathlib.Path`.
        wait: Boolean, whether to wait for the claim. Defaults to `False`.

    Yields:
        Boolean, whether the claim is this process's.
    """
    name = f"keras_slr_{digest(str(path.resolve()).encode())}.lock"
    lock = pathlib.Path(tempfile.gettempdir()) / name
    with lock.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            yield False
            return
        yield True


def digest(data):
    """Returns a short name for bytes that others do not have."""
    return hashlib.sha256(data).hexdigest()[:16]


def _store(path, result):
    path.parent.mkdir(parents=True, exist_ok=True)
    # Whole or not at all: a run may be stopped at any time.
    part = path.with_suffix(".part")
    part.write_text(json.dumps(result, indent=1) + "\n")
    part.replace(path)
