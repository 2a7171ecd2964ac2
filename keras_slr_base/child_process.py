"""Runs Python modules in child processes."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from collections.abc import Mapping
from typing import IO
from typing import Any

_WITH_PARENT = (sys.executable, "-m", "keras_slr_base.with_parent")


@contextlib.contextmanager
def child_process(
    module: str,
    *arguments: str,
    env: Mapping[str, str],
    stderr: int | IO[Any] | None,
    **options: Any,
) -> Iterator[subprocess.Popen[str]]:
    """Runs a module in a child process, which never outlives the context.

    The context waits for the child and kills it after an error or an
    interrupt; `with_parent` ends it when this process dies.

    Args:
        module: String, name of the module.
        *arguments: Strings, its command line.
        env: Dict, its environment, see `child_environment`.
        stderr: As in `subprocess.Popen`.
        **options: As in `subprocess.Popen`.

    Yields:
        `subprocess.Popen` with its standard output as a pipe of text.
    """
    process = subprocess.Popen(
        [*_WITH_PARENT, "-m", module, *arguments],
        env=env,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=stderr,
        encoding="utf-8",
        errors="replace",
        **options,
    )
    # Closes the pipes.
    with process:
        try:
            yield process
            process.wait()
        except BaseException:
            process.kill()
            raise


def child_environment(**more: str) -> dict[str, str]:
    """Returns the environment of a child process on TensorFlow.

    Args:
        **more: Strings, environment variables to add to those of this
            process.
    """
    env = dict(os.environ)
    env["KERAS_BACKEND"] = "tensorflow"
    # The child can import what this process can, and its warnings must not
    # become errors.
    env["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
    env["PYTHONWARNINGS"] = "ignore"
    # Set by tf-mot on import; it would hand the child Keras 2.
    env.pop("TF_USE_LEGACY_KERAS", None)
    return env | more
