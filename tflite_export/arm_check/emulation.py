"""TFLite files run on an emulated ARM64 processor."""

import pathlib
import signal
import subprocess
import tempfile

import numpy as np

from tflite_export.arm_root import python_of
from tflite_export.arm_root import site_of

ROOT = ".arm"
# Never imported here: it runs on the other processor.
_WORKER = pathlib.Path(__file__).with_name("worker.py")


class EmulationError(RuntimeError):
    """A file that the emulated interpreter does not run."""


def emulate(path, inputs, root=ROOT):
    """Runs a file in LiteRT's stock ARM64 build, on one thread.

    Args:
        path: Path of a TFLite file with a signature.
        inputs: Dict from the signature's names to arrays.
        root: Folder made by `arm_root`. Defaults to `".arm"`.

    Returns:
        Dict from the signature's names to arrays.

    Raises:
        EmulationError: If the interpreter refuses the file or dies.
        RuntimeError: If `root` or qemu is missing.
    """
    python = python_of(root)
    with tempfile.TemporaryDirectory() as folder:
        taken, given = (pathlib.Path(folder) / n for n in ("in.npz", "out.npz"))
        np.savez(taken, **inputs)
        command = ["qemu-aarch64", "-L", root, python, "-S", "-B"]
        command += [_WORKER, path, taken, given]
        done = subprocess.run(
            [str(part) for part in command],
            env={"PYTHONPATH": str(site_of(root).absolute())},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
        if done.returncode:
            raise EmulationError(
                f"Expected {path} to run on ARM64, received "
                f"{_told(done)!r}: convert it without sparse encoding."
            )
        with np.load(given) as outputs:
            return dict(outputs)


def _told(done):
    if done.returncode < 0:
        return f"died of {signal.Signals(-done.returncode).name}"
    return (done.stderr.strip() or "no message").splitlines()[-1]
