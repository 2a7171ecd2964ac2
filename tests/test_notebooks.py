"""The notebooks: their scripts, their outputs, and a short run of each."""

import os
import re

import keras
import nbformat
import pytest

from notebooks import build
from tests.helpers import slow_where_compiled

LARGEST = 300_000
# Convert in processes of their own.
SLOW = ("to_the_phone", "from_tfmot")


def test_every_script_and_notebook_is_named():
    for kind in ("py", "ipynb"):
        found = {path.stem for path in build.FOLDER.glob(f"*.{kind}")}
        assert found - {"build"} == set(build.NAMES)


@pytest.mark.once("reads files")
@pytest.mark.parametrize("name", build.NAMES)
def test_notebook_is_that_of_its_script(name):
    path = build.FOLDER / f"{name}.ipynb"
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    script = build.notebook_of(name)
    nbformat.validate(script)
    assert [(c.cell_type, c.source) for c in notebook.cells] == [
        (c.cell_type, c.source) for c in script.cells
    ], f"run `python -m notebooks.build {name}`"


@pytest.mark.once("reads files")
@pytest.mark.parametrize("name", build.NAMES)
def test_notebook_is_committed_with_outputs_and_small(name):
    path = build.FOLDER / f"{name}.ipynb"
    assert path.stat().st_size < LARGEST
    notebook = nbformat.read(path, as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == [
        number + 1 for number in range(len(code))
    ]
    assert text_of(notebook)
    assert not re.search(r"/(home|root|tmp|usr|work)/", str(notebook))
    assert "\x1b" not in text_of(notebook)


def test_a_script_that_does_not_begin_with_a_cell(tmp_path, monkeypatch):
    monkeypatch.setattr(build, "FOLDER", tmp_path)
    (tmp_path / "wrong.py").write_text("import os\n# %%\n")
    with pytest.raises(ValueError, match="wrong.py to begin with '# %%'"):
        build.notebook_of("wrong")


def test_quick_start(tmp_path):
    text, figures = short_run("quick_start", tmp_path)
    found = re.search(r"dense +(.*)%, (\d+) .*\n(.*)\nSLR +(.*)%, (\d+)", text)
    dense, dense_size, _, pruned, size = found.groups()
    assert float(dense) > 90 and float(pruned) > 75
    assert int(size) < 0.3 * int(dense_size)
    assert f"loaded {pruned}%" in text
    assert "pruned weights: 90.00% zeros" in text
    assert figures == 3
    assert (tmp_path / "pruned.keras").exists()


@slow_where_compiled
def test_how_slr_works(tmp_path):
    text, figures = short_run("how_slr_works", tmp_path)
    assert "zeros 90.0" in text
    residual = re.search(r"residual before hard pruning: (.*)", text)[1]
    assert float(residual) == 0.0
    assert figures == 7


@slow_where_compiled
def test_layers_and_rates(tmp_path):
    text, figures = short_run("layers_and_rates", tmp_path)
    assert "accuracy with only" in text
    assert float(re.search(r"with (.*)% zeros$", text, re.M)[1]) > 75
    assert figures == 3


@slow_where_compiled
def test_filters_and_shrinking(tmp_path):
    text, figures = short_run("filters_and_shrinking", tmp_path)
    assert float(re.search(r"largest difference (\S+)", text)[1]) < 1e-4
    pruned, shrunk = re.search(r"pruned (.*), shrunk (.*)", text).groups()
    assert pruned == shrunk
    assert figures == 4
    small = keras.saving.load_model(tmp_path / "small.keras")
    assert small.get_layer("first").filters == 12


@slow_where_compiled
@pytest.mark.parametrize("name", SLOW)
def test_notebook_that_converts(tmp_path, name):
    text, _ = short_run(name, tmp_path)
    assert "int8" in text
    assert (tmp_path / "int8.tflite").exists()


def short_run(name, folder):
    """Returns the text that a notebook writes, and its number of figures."""
    notebook = build.notebook_of(name)
    build.run(
        notebook,
        folder,
        KERAS_SLR_TINY="1",
        KERAS_BACKEND=keras.config.backend(),
        OMP_NUM_THREADS=os.environ["OMP_NUM_THREADS"],
    )
    figures = [o for o in outputs(notebook) if "image/png" in o.get("data", {})]
    return text_of(notebook), len(figures)


def text_of(notebook):
    return "".join(o.get("text", "") for o in outputs(notebook))


def outputs(notebook):
    return [
        output
        for cell in notebook.cells
        if cell.cell_type == "code"
        for output in cell.outputs
    ]
