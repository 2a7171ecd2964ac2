"""Work in a process of its own, with an environment of its own."""

import json
import os
import pathlib
import signal
import subprocess
import sys

from tflite_export.convert import last_line

REQUEST, ANSWER = "request.json", "answer.json"


def run_child(module, folder, request, label, install, **environment):
    """Runs a module on a folder, in a child process on TensorFlow.

    The module is run as `python -m MODULE FOLDER`. It reads `request.json`
    there and writes `answer.json`, a dict; one with the key `failure` tells
    why there is no other answer. The environment of this process stays as it
    is.

    Args:
        module: Name of the module.
        folder: Path of a folder of the caller's.
        request: Dict of plain values.
        label: String that names the model in errors.
        install: String, the `pip install ...` of what the child imports.
        **environment: Strings, variables of the child's environment.

    Returns:
        Dict, the answer.

    Raises:
        ValueError: If the child says that the model or an argument is not
            one for it.
        RuntimeError: If the child fails, or what it needs is not installed.
    """
    folder = pathlib.Path(folder)
    (folder / REQUEST).write_text(json.dumps(request))
    process = subprocess.run(
        [sys.executable, "-m", module, str(folder)],
        env=_environment() | environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
    )
    if process.returncode:
        raise RuntimeError(_crash(process, label, install))
    answer = json.loads((folder / ANSWER).read_text())
    if "failure" in answer:
        error = ValueError if answer["user_error"] else RuntimeError
        raise error(
            f"Expected a model that can be taken over, received {label}, "
            f"which {answer['failure']}."
        )
    return answer


def _environment():
    env = dict(os.environ)
    env["KERAS_BACKEND"] = "tensorflow"
    # What can be imported here can be imported there, and a warning there is
    # nobody's error.
    env["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
    env["PYTHONWARNINGS"] = "ignore"
    # Left by an import of tf-mot here, it would reach the child too.
    env.pop("TF_USE_LEGACY_KERAS", None)
    return env


def _crash(process, label, install):
    line = last_line(process.stderr)
    if "No module named" in line:
        return (
            f"Expected what this needs to be installed, received {line}: "
            f"`{install}`."
        )
    if process.returncode < 0:
        line = f"died of {signal.Signals(-process.returncode).name}"
    return (
        f"Expected the work on {label} to end, received a process that "
        f"failed: {line}."
    )
