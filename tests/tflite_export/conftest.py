"""Files that several tests look at."""

import os
import subprocess
import sys

import pytest

from tests.tflite_export.xnnpack.topology_cases import FEW


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The folder of the files of `topology_cases`."""
    return made(tmp_path_factory.mktemp("cases"))


@pytest.fixture(scope="module")
def few(tmp_path_factory):
    """The folder of the files of `topology_cases.FEW`."""
    return made(tmp_path_factory.mktemp("few"), *FEW)


def made(folder, *names):
    command = [
        sys.executable,
        "-m",
        "tests.tflite_export.xnnpack.topology_cases",
    ]
    env = {**os.environ, "KERAS_BACKEND": "tensorflow"}
    subprocess.run(
        [*command, str(folder), *names],
        env=env,
        check=True,
        capture_output=True,
    )
    return folder
