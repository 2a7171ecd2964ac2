"""Puts things back as they were, also if Ctrl-C is pressed meanwhile."""


def completed(restore):
    """Calls a function a second time if Ctrl-C interrupts it.

    Otherwise a part of what it restores would stay as it is.

    Args:
        restore: Function without arguments, that may be called twice.

    Raises:
        KeyboardInterrupt: If there was one, after the second call.
    """
    try:
        restore()
    except KeyboardInterrupt:
        restore()
        raise
