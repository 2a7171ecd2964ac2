"""Paths of files that are to be written."""

import pathlib


def checked_out(path, *suffixes):
    """Returns a path that a file can be written to.

    Args:
        path: Path of the file.
        *suffixes: Strings, one of which the name must end in.

    Returns:
        `pathlib.Path`.

    Raises:
        ValueError: If the name ends otherwise, or there is no such folder.
    """
    path = pathlib.Path(path)
    ending = " or ".join(suffixes)
    if path.suffix not in suffixes or path.is_dir():
        raise ValueError(
            f"Expected the path of a {ending} file to write, received {path}: "
            f"give a name that ends in {ending}."
        )
    if not path.parent.is_dir():
        raise ValueError(
            f"Expected a path in a folder that exists, received {path}: make "
            "the folder first."
        )
    return path
