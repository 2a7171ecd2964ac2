"""Files that are written whole or not at all."""

import contextlib
import os
import pathlib
import re
import secrets


@contextlib.contextmanager
def whole_file(path):
    """Gives a path to write to, which takes the place of `path` at the end.

    After an error, a full disk or a kill `path` holds what it held before. A
    kill can leave a hidden file beside it, whose name ends in that of `path`.

    Args:
        path: Path of the file, in a folder that exists.

    Yields:
        `pathlib.Path` in the same folder, where a rename is atomic.

    Raises:
        OSError: If the file cannot be written.
    """
    # Of a link, the file that it leads to.
    path = pathlib.Path(os.path.realpath(path))
    made = path.with_name(f".{secrets.token_hex(8)}-{path.name}")
    try:
        yield made
        os.replace(made, path)
    except OSError as error:
        number, reason = _reason(error)
        told = type(error)(
            f"Expected to write `{path}`. Received: {reason}; make room there "
            "or choose another folder, what it held before is as it was."
        )
        told.errno = number
        raise told from error
    finally:
        # There is none after a good end, nor where nothing may be written.
        with contextlib.suppress(OSError):
            made.unlink()


def _reason(error):
    """Returns the number and the text of an `OSError`, on one line."""
    text = " ".join(str(error).split())
    # HDF5 tells it in the middle of the state of its library.
    told = re.search(r"errno = (\d+)", text)
    number = error.errno or (told and int(told[1]))
    return number, os.strerror(number) if number else text
