"""Jobs that several processes share, each with one file as its result."""

import contextlib
import dataclasses
import fcntl
import hashlib
import json
import pathlib
import tempfile
import time

from keras_slr_base.atomic_file import atomic_file

# Seconds between checks of the jobs that other processes run.
PAUSE = 1.0


@dataclasses.dataclass(frozen=True)
class Job:
    """One result, stored in a file.

    Attributes:
        path: `pathlib.Path` of the file. The job is done if it exists.
        make: Function without arguments that returns the result, a dict.
        after: Tuple of jobs that must be done first. Defaults to none.
        merged: The result if it is stored elsewhere already, so that the job
            is done without a file. Defaults to `None`.
    """

    path: pathlib.Path
    make: object
    after: tuple = ()
    merged: dict | None = None

    @property
    def done(self):
        return self.merged is not None or self.path.exists()

    @property
    def ready(self):
        return all(job.done for job in self.after)

    def read(self):
        """Returns the result."""
        if self.merged is not None:
            return self.merged
        return json.loads(self.path.read_text())

    def run(self):
        """Makes and stores the result, unless another process does.

        Returns:
            Boolean, whether this process made it.
        """
        with claimed(self.path) as mine:
            if not mine or self.done:
                return False
            write(self.path, json.dumps(self.make(), indent=1) + "\n")
            return True


def work(jobs):
    """Runs jobs until this and other processes have done all of them.

    Args:
        jobs: List of `Job`, in the order in which they should run.
    """
    while open_ := [job for job in jobs if not job.done]:
        # One job at a time, the first that is free: it may make others ready.
        if not any(job.ready and job.run() for job in open_):
            time.sleep(PAUSE)


@contextlib.contextmanager
def claimed(path, wait=False, shared=False):
    """Claims a path among the processes of one machine.

    The claim ends with the block, or with the process if that is killed.

    Args:
        path: `pathlib.Path`, which need not exist.
        wait: Boolean, whether to wait for the claim. Defaults to `False`.
        shared: Boolean, whether several processes can hold such a claim at
            once. Defaults to `False`.

    Yields:
        Boolean, whether this process has the claim.
    """
    name = f"keras_slr_{digest(str(path.resolve()).encode())}.lock"
    lock = pathlib.Path(tempfile.gettempdir()) / name
    with lock.open("w") as file:
        try:
            fcntl.flock(
                file,
                (fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
                | (0 if wait else fcntl.LOCK_NB),
            )
        except BlockingIOError:
            yield False
            return
        yield True


def digest(data):
    """Returns a short hash of bytes, as a name for them."""
    return hashlib.sha256(data).hexdigest()[:16]


def write(path, text):
    """Writes a text file, and its folder, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_file(path) as made:
        made.write_text(text)
