"""A child process for one TFLite file, as seen by its parent."""

import json
import os
import signal
import subprocess
import sys
import tempfile

from keras_slr_base.failure import last_line


class FileProcess:
    """A TFLite file in its own process, for use as a context manager.

    A crash ends that process only.

    Args:
        path: Path of the file.
        threads: Integer, threads of the interpreter.

    Attributes:
        failure: String, how it failed, or `None` as long as it has not.
    """

    def __init__(self, path, threads):
        self.failure = None
        # Not a pipe, which blocks the child when it is full.
        self._errors = tempfile.TemporaryFile("w+", errors="replace")  # noqa: SIM115
        self._process = subprocess.Popen(
            [
                sys.executable,
                *("-m", "tflite_export.benchmark.child"),
                *(str(path), str(threads)),
            ],
            # The child can import what this process can.
            env={
                **os.environ,
                "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
            },
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            encoding="utf-8",
        )

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self._process.kill()
        # Also waits, and closes the pipes.
        self._process.communicate()
        self._errors.close()

    def ask(self, method, *args):
        """Returns the result of a method of `child.Served`, `None` if it fails.

        After a failure it is not called again.
        """
        if self.failure:
            return None
        try:
            self._process.stdin.write(json.dumps([method, *args]) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            self.failure = self._death()
            return None
        answer = json.loads(line)
        self.failure = answer.get("failure")
        return answer.get("value")

    def _death(self):
        code = self._process.wait()
        if code < 0:
            return f"died of {signal.Signals(-code).name}"
        self._errors.seek(0)
        return last_line(self._errors.read())
