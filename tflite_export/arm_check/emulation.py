"""TFLite files run on an emulated ARM64 processor."""

import pathlib
import signal
import subprocess
import sys

import numpy as np

from keras_slr_base import with_parent
from keras_slr_base.work_folder import work_folder
from tflite_export.arm_check.root import python_of
from tflite_export.arm_check.root import site_of

ROOT = ".arm"
# Never imported here: it runs on the emulated processor.
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
    (answer,) = emulate_all([(path, inputs)], root)
    if isinstance(answer, EmulationError):
        raise answer
    return answer


def emulate_all(jobs, root=ROOT):
    """Runs several files, which takes a few seconds less for each.

    Args:
        jobs: List of `(path, inputs)`, as for `emulate`.
        root: Folder made by `arm_root`. Defaults to `".arm"`.

    Returns:
        List with the result of `emulate` for each job: its dict, or the
        error that it would raise.

    Raises:
        RuntimeError: If `root` or qemu is missing.
    """
    answers = []
    with work_folder() as folder:
        for i, (_, inputs) in enumerate(jobs):
            np.savez(folder / f"in{i}.npz", **inputs)
        while len(answers) < len(jobs):
            left = range(len(answers), len(jobs))
            done = _run([(jobs[i][0], i) for i in left], folder, root)
            for i in left:
                answer = _answer(jobs[i][0], folder / f"out{i}.npz")
                # Without an answer, the process ended at this file.
                answers.append(answer or _error(jobs[i][0], _death(done)))
                if answer is None:
                    break
    return answers


def _run(paths, folder, root):
    # Isolated (-I), because the environment is for the emulated Python.
    command = [sys.executable, "-I", with_parent.__file__]
    command += ["qemu-aarch64", "-L", root]
    command += [python_of(root), "-S", "-B", _WORKER]
    for path, i in paths:
        command += [path, folder / f"in{i}.npz", folder / f"out{i}.npz"]
    return subprocess.run(
        [str(part) for part in command],
        env={"PYTHONPATH": str(site_of(root).absolute())},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )


def _answer(path, outputs):
    failure = outputs.with_name(f"{outputs.name}.failure")
    if failure.exists():
        return _error(path, " ".join(failure.read_text().split()))
    if not outputs.exists():
        return None
    with np.load(outputs) as arrays:
        return dict(arrays)


def _error(path, reason):
    return EmulationError(
        f"Expected {path} to run on ARM64, received {reason!r}: convert it "
        "without sparse encoding."
    )


def _death(done):
    if done.returncode < 0:
        return f"died of {signal.Signals(-done.returncode).name}"
    return (done.stderr.strip() or "no message").splitlines()[-1]
