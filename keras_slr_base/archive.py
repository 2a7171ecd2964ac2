"""Checks of untrusted zip archives, such as `.keras` and `.npz` files."""

import os
import zipfile

# Keras's own limits for an archive that it unpacks to the disk. Keras and
# `numpy.savez` do not compress, and weights of which 99 % are zero compress
# less than this.
_FLOOR = 2**28
_EXPANSION = 100


def inflation(path: str | os.PathLike[str]) -> str | None:
    """Describes how large a file unpacks, if that is suspiciously large.

    Reads the sizes that the archive declares and unpacks nothing; Python's
    `zipfile` never unpacks more than that.

    Args:
        path: Path of a zip file, or of any other file.

    Returns:
        String that completes "received a file which"; `None` if less than
        256 MB are compressed to less than a hundredth of their size.

    Raises:
        OSError: If the file cannot be read.
        zipfile.BadZipFile: If it is damaged.
    """
    if not zipfile.is_zipfile(path):
        return None
    with zipfile.ZipFile(path) as file:
        members = file.infolist()
    # Each member alone: barely compressed ones must not hide another.
    size = sum(
        member.file_size
        for member in members
        if member.file_size > _EXPANSION * member.compress_size
    )
    if size <= _FLOOR:
        return None
    return (
        f"unpacks to {size / 1e6:,.0f} MB, more than {_EXPANSION} times what "
        "it takes up"
    )
