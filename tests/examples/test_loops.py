"""The custom loops and the shortest example, as scripts of their own."""

import json
import os
import pathlib
import subprocess
import sys

import keras
import pytest

from tests.helpers import SLOW_WHERE_COMPILED

FOLDER = pathlib.Path(__file__).parents[2] / "examples"
# Kernels of the examples' network that are pruned to a tenth, and what stays
# whole: the first kernel and the biases.
PRUNED = [9 * 16 * 32, 16 * 32 * 64, 64 * 10]
KEPT = sum(n - round(0.9 * n) for n in PRUNED) + 9 * 16
BIASES = 16 + 32 + 64 + 10


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("prune_digits", marks=SLOW_WHERE_COMPILED),
        "custom_loop",
    ],
)
def test_example(tmp_path, name):
    if name == "custom_loop":
        name = f"custom_loop_{keras.config.backend()}"
    code = (
        "import json, runpy\n"
        f"main = runpy.run_path({str(FOLDER / name) + '.py'!r})['main']\n"
        "print(json.dumps(main(['--tiny'])))"
    )
    environment = dict(os.environ, KERAS_BACKEND=keras.config.backend())
    if name != "prune_digits":
        # A custom loop knows its backend.
        del environment["KERAS_BACKEND"]
    child = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=environment,
    )
    assert child.returncode == 0, child.stderr
    result = json.loads(child.stdout.splitlines()[-1])
    assert result["dense"] > 0.9
    assert result["pruned"] > 0.75
    # A bias may happen to be zero, here and there.
    assert KEPT < result["nonzero"] <= KEPT + BIASES
    assert f"pruned {result['pruned']:.2%}" in child.stdout
