"""Temporary folders, removed even after a killed process."""

import contextlib
import os
import pathlib
import shutil
import tempfile
from collections.abc import Iterator

_PREFIX = ".keras_slr-"
_LOCK = "lock"


@contextlib.contextmanager
def work_folder(
    parent: str | os.PathLike[str] | None = None,
) -> Iterator[pathlib.Path]:
    """Makes a folder and removes it afterwards.

    A killed process cannot remove its folder, so each call first removes the
    folders of dead processes in `parent`. A process holds a lock in its folder
    while it lives, and the system releases that lock when it dies: the folders
    of other living processes stay.

    Args:
        parent: Path of the folder to make it in. Defaults to `None`, the
            system's folder for temporary files.

    Yields:
        `pathlib.Path`.

    Raises:
        OSError: If `parent` cannot be written to.
    """
    parent = pathlib.Path(parent or tempfile.gettempdir())
    _remove_dead(parent)
    folder, lock = _locked_folder(parent)
    try:
        yield folder
    finally:
        # First, because Windows does not remove an open file.
        os.close(lock)
        shutil.rmtree(folder, ignore_errors=True)


def _locked_folder(parent):
    while True:
        folder = pathlib.Path(tempfile.mkdtemp(dir=parent, prefix=_PREFIX))
        path = folder / _LOCK
        # Until it is locked, another call may remove it as abandoned.
        with contextlib.suppress(FileNotFoundError):
            lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
            if _is_locked(lock) and path.exists():
                return folder, lock
            os.close(lock)


def _remove_dead(parent):
    with contextlib.suppress(OSError), os.scandir(parent) as entries:
        for entry in entries:
            if entry.name.startswith(_PREFIX):
                _remove_if_dead(pathlib.Path(entry.path))


def _remove_if_dead(folder):
    # Another call may remove it at the same time.
    with contextlib.suppress(OSError):
        if not any(folder.iterdir()):
            folder.rmdir()
            return
        lock = os.open(folder / _LOCK, os.O_RDWR)
        try:
            dead = _try_lock(lock)
            # The lock is held meanwhile, so a process that is about to lock
            # the folder finds it gone. Windows cannot remove an open file.
            if dead and os.name != "nt":
                shutil.rmtree(folder, ignore_errors=True)
        finally:
            os.close(lock)
        if dead:
            shutil.rmtree(folder, ignore_errors=True)


def _is_locked(lock):
    try:
        return _try_lock(lock)
    except OSError:
        # Some network disks have no locks; the folder then stays.
        return True


def _try_lock(lock):
    """Locks an open file until it is closed; returns whether that worked."""
    try:
        if os.name == "nt":
            import msvcrt

            msvcrt.locking(lock, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    # `PermissionError` is what Windows raises.
    except (BlockingIOError, PermissionError):
        return False
    return True
