"""Files that several tests look at."""

import os
import subprocess
import sys

import pytest

from tests.tflite_export.xnnpack.sparse_inference_models import FEW


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The folder of the files of `sparse_inference_models`."""
    return made(tmp_path_factory.mktemp("cases"))


@pytest.fixture(scope="module")
def few(tmp_path_factory):
    """The folder of the files of `sparse_inference_models.FEW`."""
    return made(tmp_path_factory.mktemp("few"), *FEW)


def made(folder, *names):
    command = [
        sys.executable,
        "-m",
        "tests.tflite_export.xnnpack.sparse_inference_models",
    ]
    env = {**os.environ, "KERAS_BACKEND": "tensorflow"}
    subprocess.run(
        [*command, str(folder), *names],
        env=env,
        check=True,
        capture_output=True,
    )
    return folder
