"""Files that several tests look at."""

import os
import subprocess
import sys

import pytest


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The folder of the files of `topology_cases`."""
    folder = tmp_path_factory.mktemp("cases")
    command = [sys.executable, "-m", "tests.tflite_export.topology_cases"]
    env = {**os.environ, "KERAS_BACKEND": "tensorflow"}
    subprocess.run(
        [*command, str(folder)], env=env, check=True, capture_output=True
    )
    return folder
