"""Runs work in a child process with its own environment."""

import importlib.util
import json
import pathlib
import signal

from keras_slr_base.child_process import child_environment
from keras_slr_base.child_process import child_process
from keras_slr_base.failure import last_line

REQUEST, ANSWER = "request.json", "answer.json"


def run_child(module, folder, request, label, extra, packages, **environment):
    """Runs a module on a folder, in a child process on TensorFlow.

    The module is run as `python -m MODULE FOLDER`. It reads `request.json`
    there and writes `answer.json`, a dict; a key `failure` in it holds the
    reason for a failure. The environment of this process does not change.

    Args:
        module: Name of the module.
        folder: Path of a folder that the caller provides.
        request: Dict of plain values.
        label: String that names the model in errors.
        extra: String, the extra of keras-slr that brings the packages.
        packages: Tuple of strings, what the child imports.
        **environment: Strings, variables of the child's environment.

    Returns:
        Dict, the answer.

    Raises:
        ValueError: If the child refuses the model or an argument.
        RuntimeError: If the child fails, or what it needs is not installed.
    """
    _check_installed(extra, packages)
    folder = pathlib.Path(folder)
    (folder / REQUEST).write_text(json.dumps(request))
    errors = folder / "stderr"
    with (
        open(errors, "w", encoding="utf-8") as stderr,
        child_process(
            module,
            str(folder),
            env=child_environment(**environment),
            stderr=stderr,
        ) as process,
    ):
        process.stdout.read()
    if process.returncode:
        text = errors.read_text("utf-8", errors="replace")
        raise RuntimeError(_crash(process.returncode, text, label, extra))
    answer = json.loads((folder / ANSWER).read_text())
    if "failure" in answer:
        error = ValueError if answer["user_error"] else RuntimeError
        raise error(
            f"Expected a model that can be taken over, received {label}, "
            f"which {answer['failure']}."
        )
    return answer


def _check_installed(extra, packages):
    missing = [p for p in packages if importlib.util.find_spec(p) is None]
    if missing:
        raise RuntimeError(
            f"Expected {' and '.join(missing)} to be installed. Received an "
            f'environment without them: pip install "keras-slr[{extra}]".'
        )


def _crash(returncode, stderr, label, extra):
    line = last_line(stderr)
    if "No module named" in line:
        return (
            "Expected a complete environment. Received "
            f'{line}: pip install "keras-slr[{extra}]".'
        )
    if returncode < 0:
        line = f"died of {signal.Signals(-returncode).name}"
    return (
        f"Expected the work on {label} to succeed, received a process that "
        f"failed: {line}."
    )
