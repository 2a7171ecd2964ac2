"""Files that are written whole or not at all."""

import contextlib
import errno
import os
import pathlib
import re
import shutil
import stat
import tempfile
from collections.abc import Iterator

from keras_slr_base.work_folder import work_folder


@contextlib.contextmanager
def atomic_file(path: str | os.PathLike[str]) -> Iterator[pathlib.Path]:
    """Yields a path to write to; the new file then replaces `path`.

    After an error, a full disk or a kill, `path` is unchanged. A kill can
    leave a hidden folder beside it, which the next call removes.

    Args:
        path: Path of the file, in a folder that exists. See `put` for links.

    Yields:
        `pathlib.Path` of the same name in a temporary folder.

    Raises:
        OSError: If the file cannot be written.
    """
    path = pathlib.Path(path)
    try:
        with work_folder(folder_of(path)) as folder:
            made = folder / path.name
            yield made
            put(made, path)
    except OSError as error:
        number, reason = _reason(error)
        clear = type(error)(
            f"Expected to write `{path}`. Received: {reason}; make room there "
            "or choose another folder. An existing file there is unchanged."
        )
        clear.errno = number
        raise clear from error


def folder_of(path: str | os.PathLike[str]) -> pathlib.Path:
    """Returns the folder from which `put` can move a file to `path` at once.

    Args:
        path: Path of a file.

    Returns:
        `pathlib.Path`: the folder of the file that a link leads to, because
        a move is atomic only within one disk. For a device or a pipe, the
        system's folder for temporary files.

    Raises:
        OSError: If `open` could not write to the path.
    """
    followed = _followed(path)
    if _is_special(followed):
        return pathlib.Path(tempfile.gettempdir())
    return followed.parent


def put(made: str | os.PathLike[str], path: str | os.PathLike[str]) -> None:
    """Moves a file to a path, in one step.

    As `open` would, it follows links, also to a file that does not exist yet,
    keeps the permissions of a file that it replaces, and writes into a device
    or a pipe. Other hard links to the file keep the old content.

    Args:
        made: Path of the file, in `folder_of(path)` or a folder within.
        path: Path to move it to.

    Raises:
        OSError: If `open` could not write to the path.
    """
    followed = _followed(path)
    if _is_special(followed):
        with open(made, "rb") as source, open(followed, "wb") as target:
            shutil.copyfileobj(source, target)
        return
    if followed.exists():
        shutil.copymode(followed, made)
    os.replace(made, followed)


def _followed(path):
    """Returns the path that `open` would write to."""
    # The real path of a pipe, such as `/dev/stdout`, may be no path at all.
    if _is_special(path):
        return pathlib.Path(path)
    real = pathlib.Path(os.path.realpath(path))
    if real.is_symlink():
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path))
    if real.exists():
        # Raises what `open` would, and changes nothing.
        os.close(os.open(real, os.O_WRONLY))
    return real


def _is_special(path):
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def _reason(error):
    """Returns the number and the text of an `OSError`, on one line."""
    text = " ".join(str(error).split())
    # HDF5 puts the number into the middle of a longer message.
    match = re.search(r"errno = (\d+)", text)
    number = error.errno or (match and int(match[1]))
    return number, os.strerror(number) if number else text
