"""What all command lines here have in common: how they end."""

import argparse
import sys
from collections.abc import Callable
from typing import NoReturn

FAILED = 1
USER_ERROR = 2
INTERRUPTED = 130


class Parser(argparse.ArgumentParser):
    """Reports wrong arguments as every other error of the user's."""

    def error(self, message: str) -> NoReturn:
        raise ValueError(f"{message}; see `{self.prog} --help`.")


def run(work: Callable[[], int | None], prefix: str = "") -> int:
    """Does the work of a command line.

    Args:
        work: Function without arguments that returns an exit code, `None`
            for a good end.
        prefix: String in front of errors. Defaults to `""`.

    Returns:
        Integer, the exit code: 0, or 2 after an error of the user's and 1
        after a failure, both told in one line on standard error.
    """
    try:
        return work() or 0
    except SystemExit as exit:  # `--help` and `--version` raise it.
        if isinstance(exit.code, str):
            raise  # Python prints it and exits with 1.
        return exit.code or 0
    except KeyboardInterrupt:
        told, code = "interrupted, nothing written", INTERRUPTED
    except (ImportError, OSError, ValueError) as error:
        told, code = _told(error, prefix), USER_ERROR
    except RuntimeError as error:
        told, code = _told(error, prefix), FAILED
    print(f"{prefix}{told}", file=sys.stderr)
    return code


def _told(error, prefix):
    text = " ".join(str(error).split()) or type(error).__name__
    return f"error: {text}" if prefix else text
