"""The method that CONTRIBUTING.md adds: one file and one line."""

import os
import pathlib
import re
import shutil
import subprocess
import sys

import keras
import pytest

ROOT = pathlib.Path(__file__).parents[1]
TEXT = (ROOT / "CONTRIBUTING.md").read_text()
FILE = re.search(r"^```python\n(# (\S+)\n.*?)^```$", TEXT, re.M | re.S)
LINE = re.search(r"^    (from keras_slr\.solvers\.\w+ import \w+)$", TEXT, re.M)

USE = """
import pathlib
import sys

import keras_slr
from keras_slr.commands import cli
from tests.contract.contract import check
from tests.contract.kinds import KINDS
from tests.contract.methods import METHODS
from tests.fuzz import case

assert keras_slr.__file__.startswith(sys.argv[1]), keras_slr.__file__
assert "LinearMagnitude" in METHODS and "LinearMagnitude" in case.METHODS
check(KINDS["sequential"], "LinearMagnitude", None, pathlib.Path(sys.argv[1]))
try:
    cli.main(["prune", "--help"])
except SystemExit:
    pass
"""


@pytest.mark.once("a solver sees arrays, whatever the backend")
def test_the_added_method_is_found_everywhere(tmp_path):
    shutil.copytree(ROOT / "keras_slr", tmp_path / "keras_slr")
    (tmp_path / FILE[2]).write_text(FILE[1])
    with (tmp_path / "keras_slr/solvers/__init__.py").open("a") as package:
        package.write(f"\n{LINE[1]}\n")
    paths = [str(tmp_path), str(ROOT)]
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(paths),
        "KERAS_BACKEND": keras.config.backend(),
    }
    found = subprocess.run(
        [sys.executable, "-c", USE, str(tmp_path)],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, found.stderr
    assert "linear_magnitude" in found.stdout
