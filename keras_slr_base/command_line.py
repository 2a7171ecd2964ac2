"""Exit codes and error messages of all command lines."""

import argparse
import sys
from collections.abc import Callable
from typing import NoReturn

FAILED = 1
USER_ERROR = 2
INTERRUPTED = 130


class Parser(argparse.ArgumentParser):
    """Reports wrong arguments like any other invalid input."""

    def error(self, message: str) -> NoReturn:
        raise ValueError(f"{message}; see `{self.prog} --help`.")


def run(work: Callable[[], int | None], prefix: str = "") -> int:
    """Runs a command and returns its exit code.

    Args:
        work: Function without arguments that returns an exit code, `None`
            for success.
        prefix: String in front of errors. Defaults to `""`.

    Returns:
        Integer, the exit code: 0, 2 for invalid input, or 1 for a
        failure. For the latter two, standard error has one line with the
        reason.
    """
    try:
        return work() or 0
    except SystemExit as exit:  # `--help` and `--version` raise it.
        if isinstance(exit.code, str):
            raise  # Python prints it and exits with 1.
        return exit.code or 0
    except KeyboardInterrupt:
        text, code = "interrupted, nothing written", INTERRUPTED
    except (ImportError, OSError, ValueError) as error:
        text, code = _text(error, prefix), USER_ERROR
    except RuntimeError as error:
        text, code = _text(error, prefix), FAILED
    print(f"{prefix}{text}", file=sys.stderr)
    return code


def _text(error, prefix):
    text = " ".join(str(error).split()) or type(error).__name__
    return f"error: {text}" if prefix else text
