"""A process that ends when its parent does, however the parent ends.

`python -m keras_slr_base.with_parent -m MODULE ARGUMENTS` runs a module. Its
standard input is a pipe that the parent holds open and never writes to: the
system closes it when the parent dies, also by SIGKILL. Without `-m` it runs a
program, which only Linux ends in time.
"""

import ctypes
import os
import runpy
import signal
import sys
import threading

_PR_SET_PDEATHSIG = 1


def die_with_parent() -> None:
    """Has Linux kill this process once the thread that started it ends.

    A thread cannot do that while native code holds Python's lock, as
    TensorFlow's converter does for minutes.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def watch_parent() -> None:
    """Ends this process once standard input is closed."""
    # On Windows, libraries ask for the type of standard input, which would
    # wait for a read in progress. So this reads from a duplicate.
    pipe = os.dup(0)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)

    def wait():
        while os.read(pipe, 1):
            pass
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def main(*command: str) -> None:
    die_with_parent()
    if command[0] != "-m":
        os.execvp(command[0], command)
    watch_parent()
    sys.argv = list(command[1:])
    runpy.run_module(command[1], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
