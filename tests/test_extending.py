"""The guide on your own methods and structures, run as pasted."""

import os
import pathlib
import re
import subprocess
import sys

import keras
import numpy as np
import pytest

from tests.helpers import slow_where_compiled

ROOT = pathlib.Path(__file__).parents[1]
TEXT = (ROOT / "docs" / "extending.md").read_text()
BLOCKS = re.findall(r"^```python\n(.*?)^```$", TEXT, re.M | re.S)
MODULES = {block.split()[1]: block for block in BLOCKS if block[0] == "#"}

# What the guide claims, after each of its blocks.
CHECKS = [
    "",
    """
def zeros(layer):
    kernel = keras.ops.convert_to_numpy(layer.kernel)
    return (kernel == 0).mean()

kernels = [model.layers[1].kernel, model.layers[3].kernel]
size = sum(int(np.prod(k.shape)) for k in kernels)
share = sum(zeros(model.layers[i]) * int(np.prod(model.layers[i].kernel.shape))
            for i in (1, 3)) / size
assert abs(share - 0.8) < 1e-3, share
# Not the smallest ones: some of the largest weights are gone as well.
assert history.history["random_target_sparsity"][-1] > 0.7
""",
    """
alive = keras.ops.convert_to_numpy(model.layers[1].kernel).any((0, 1, 2))
assert alive.sum() == 32 - round(0.8 * 32), alive.sum()
""",
    """
for one, other in zip(model.get_weights(), resumed.get_weights()):
    np.testing.assert_array_equal(one != 0, other != 0)
assert zeros(resumed.layers[3]) > 0.5
assert callback.pruner.solver == RandomPruning(seed=1)
""",
    "",
    """
kernel = keras.ops.convert_to_numpy(model.layers[1].kernel)
assert (kernel == 0).all((2, 3)).sum() == 4
assert (kernel == 0).mean() == 4 / 9
assert zeros(model.layers[3]) == 0.0
""",
    "",
    """
# More than the rate: inputs that have died need no weights.
assert report.sparsity > 0.8 - 1e-3, report.sparsity
assert keras_slr.layerwise.solvers.LAYER_SOLVERS["random_entries"]
# Least squares keep a part of the outputs, whichever entries stay.
assert all(row.after.calibration < 1 for row in report.rows)
# Some of the largest entries are gone: they were not chosen by size.
assert all(row.after.calibration > 0.01 for row in report.rows)
""",
]


def child(code, tmp_path, *path):
    return subprocess.run(
        [sys.executable, *code],
        cwd=tmp_path,
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join([*map(str, path), str(ROOT)]),
        },
        capture_output=True,
        text=True,
    )


@slow_where_compiled
def test_the_guide_runs_as_pasted(tmp_path):
    assert len(BLOCKS) == len(CHECKS)
    code = "".join(a + b for a, b in zip(BLOCKS, CHECKS))
    done = child(["-c", code], tmp_path)
    assert done.returncode == 0, done.stderr


@pytest.fixture
def package(tmp_path):
    """A folder as pip leaves it, with both modules and their entry points."""
    folder = tmp_path / "site-packages"
    information = folder / "own-1.0.dist-info"
    information.mkdir(parents=True)
    for name, block in MODULES.items():
        (folder / name).write_text(block)
    (information / "METADATA").write_text("Name: own\nVersion: 1.0\n")
    (points,) = re.findall(r"```toml\n\[project\.(.*?)^```$", TEXT, re.M | re.S)
    points = points.replace('"', "").replace("entry-points.", "[", 1)
    (information / "entry_points.txt").write_text(points)
    return folder


@pytest.mark.once("the guide runs on every backend")
def test_the_command_line_finds_both_by_name(package, tmp_path):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(64, 8, 8, 3)).astype("float32")
    y = rng.integers(4, size=64)
    np.savez(tmp_path / "data.npz", x_train=x, y_train=y, x_test=x, y_test=y)
    model = keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            keras.layers.Conv2D(8, 3),
            keras.layers.Conv2D(16, 3, name="pruned"),
            keras.layers.Flatten(),
            keras.layers.Dense(4),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy")
    model.save(tmp_path / "model.keras")
    (command,) = re.findall(r"```sh\nkeras-slr (.*?)```", TEXT, re.S)
    arguments = command.replace("\\\n", " ").split()
    done = child(
        ["-m", "keras_slr", *arguments, "--epochs", "1"], tmp_path, package
    )
    assert done.returncode == 0, done.stderr
    pruned = keras.models.load_model(tmp_path / "pruned.keras")
    kernel = keras.ops.convert_to_numpy(pruned.get_layer("pruned").kernel)
    assert (kernel == 0).all((2, 3)).sum() == 4


@pytest.mark.once("the command line is the same on every backend")
def test_an_extension_that_fails_is_named(package, tmp_path):
    (package / "random_pruning.py").write_text("import nothing_of_this_name")
    done = child(["-m", "keras_slr", "--version"], tmp_path, package)
    assert done.returncode == 2
    (line,) = done.stderr.strip().splitlines()
    assert "an extension of keras_slr in `random_pruning`" in line
