"""What a conversion is at, told by the child process line by line."""

_PREFIX = "tflite_export stage: "


def announce(stage):
    """Prints a stage where the parent process reads it."""
    print(_PREFIX + stage, flush=True)


def stage_of(line):
    """Returns the stage that a line tells, or `None` if it is another's."""
    if not line.startswith(_PREFIX):
        return None
    return line.removeprefix(_PREFIX).strip()
