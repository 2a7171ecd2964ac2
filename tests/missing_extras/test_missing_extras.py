"""Without an extra, each entry point names it."""

import json
import os
import pathlib
import subprocess
import sys

import keras
import numpy as np
import pytest

from tests.missing_extras.entry_points import CALLS
from tests.missing_extras.entry_points import COMMANDS
from tests.missing_extras.entry_points import IMPORTS

pytestmark = pytest.mark.once("the child processes choose the backend")

HERE = pathlib.Path(__file__).parent
ROOT = HERE.parents[1]


@pytest.fixture(scope="module")
def said(tmp_path_factory):
    folder = tmp_path_factory.mktemp("missing_extras")
    model = keras.Sequential(
        [
            keras.Input((12, 12, 3)),
            keras.layers.Conv2D(128, 1, name="pointwise"),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(10, name="head"),
        ]
    )
    model.save(folder / "model.keras")
    np.savez(folder / "x.npz", x=np.zeros((4, 12, 12, 3), "float32"))
    (folder / "model.tflite").write_bytes(b"\x1c\0\0\0TFL3" + bytes(200))
    (folder / "recipe.yaml").write_text("model: model.keras\n")
    child = without_extras(HERE / "entry_points.py", folder, "torch")
    assert child.returncode == 0, child.stderr
    return json.loads(child.stdout.splitlines()[-1])


def test_a_loop_names_the_backend(tmp_path):
    example = ROOT / "examples" / "custom_loop_tensorflow.py"
    child = without_extras(example, tmp_path, "tensorflow")
    assert 'pip install "keras-slr[tensorflow]"' in child.stderr


@pytest.mark.parametrize(
    "entry_point,extra", (COMMANDS | IMPORTS | CALLS).items(), ids=str
)
def test_the_error_names_the_extra(said, entry_point, extra):
    message = said[entry_point]
    assert f'pip install "keras-slr[{extra}]"' in message
    assert "\n" not in message and len(message) < 250
    if entry_point in COMMANDS:
        assert message.startswith("2: ")


def without_extras(script, folder, backend):
    """Runs a script in a folder, as a process."""
    return subprocess.run(
        [sys.executable, script],
        cwd=folder,
        env={
            **os.environ,
            "KERAS_BACKEND": backend,
            "PYTHONPATH": os.pathsep.join(map(str, (HERE / "hidden", ROOT))),
        },
        capture_output=True,
        text=True,
    )
