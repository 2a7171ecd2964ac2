"""Parts of the benchmark that run in processes of their own."""

import json
import os
import subprocess
import sys


def run(module, *arguments, **environment):
    """Runs a module, and returns what it prints last, read as JSON.

    Args:
        module: String, its name.
        *arguments: Its command line.
        **environment: Strings, more environment variables.

    Raises:
        RuntimeError: If it fails.
    """
    done = subprocess.run(
        [sys.executable, "-m", module, *map(str, arguments)],
        env=os.environ | environment,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise RuntimeError(
            f"Expected {module} to measure {' '.join(map(str, arguments))}. "
            f"Received exit code {done.returncode}:\n{done.stderr[-2000:]}"
        )
    return json.loads(done.stdout.splitlines()[-1])
