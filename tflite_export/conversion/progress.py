"""The stages of a conversion, which the child process prints."""

import sys

_PREFIX = "tflite_export stage: "


def announce(stage):
    """Prints a stage for the parent process."""
    print(_PREFIX + stage, flush=True)


def stage_of(line):
    """Returns the stage that a line names, or `None` if it names none."""
    if not line.startswith(_PREFIX):
        return None
    return line.removeprefix(_PREFIX).strip()


def reporter(progress):
    """Returns the function that receives the stages.

    Args:
        progress: As in `convert`.

    Raises:
        TypeError: If it is neither a function nor a boolean.
    """
    if progress is None or progress is False:
        return _ignore
    if progress is True:
        return _print
    if not callable(progress):
        raise TypeError(
            "Expected `progress` to be a function of a string, or True to "
            f"print the stages, received {progress!r}: give one of them."
        )
    return progress


def _ignore(stage):
    pass


def _print(stage):
    print(f"{stage} ...", file=sys.stderr, flush=True)
