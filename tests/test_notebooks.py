"""The notebooks: their scripts, their outputs, and a short run of each."""

import functools
import os
import re
import tomllib

import keras
import nbformat
import pytest

from notebooks import build
from tests.helpers import slow_where_compiled

LARGEST = 300_000
PROJECT = tomllib.loads((build.FOLDER.parent / "pyproject.toml").read_text())
EXTRAS = PROJECT["project"]["optional-dependencies"]
BACKEND = r'^(os\.environ\["KERAS_BACKEND"\] = )"(\w+)"$'
# Enough for what the tests check.
EPOCHS = 4
# Convert in child processes.
SLOW = ("to_the_phone", "from_tfmot")


def test_every_script_and_notebook_is_named():
    for kind in ("py", "ipynb"):
        found = {path.stem for path in build.FOLDER.glob(f"*.{kind}")}
        assert found - {"build"} == set(build.NAMES)


@pytest.mark.once("reads files")
@pytest.mark.parametrize("name", build.NAMES)
def test_notebook_is_that_of_its_script(name, monkeypatch):
    monkeypatch.delenv("REPOSITORY", raising=False)
    path = build.FOLDER / f"{name}.ipynb"
    notebook = nbformat.read(path, as_version=4)
    first = notebook.cells[0]
    # Its address depends on where the repository lives.
    first.source = re.sub(r"^\[!\[Open in Colab.*\n\n", "", first.source)
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
    install, *code = code_cells(notebook)
    assert install.execution_count is None
    assert [cell.execution_count for cell in code] == [
        number + 1 for number in range(len(code))
    ]
    assert text_of(notebook)
    assert not re.search(r"/(home|root|tmp|usr|work)/", str(notebook))
    assert "\x1b" not in text_of(notebook)


@pytest.mark.once("reads files")
@pytest.mark.parametrize("name", build.NAMES)
def test_notebook_installs_what_it_imports(name):
    notebook = build.notebook_of(name)
    install, first = code_cells(notebook)[:2]
    assert install.metadata.tags == ["skip-execution"]
    extras = re.fullmatch(
        r'%pip install --quiet "keras-slr\[(.*)\]" scikit-learn', install.source
    )[1].split(",")
    assert set(extras) <= set(EXTRAS)
    backend = re.search(BACKEND, first.source, re.M)
    assert backend[2] in extras or "export" in extras
    assert backend.end() < first.source.index("import keras")
    assert ("plot" in extras) == ("%matplotlib inline" in first.source)


@pytest.mark.once("reads files")
def test_first_cell_opens_the_notebook_in_colab(monkeypatch):
    monkeypatch.setenv("REPOSITORY", "https://github.com/a/b/")
    link, _, rest = (
        build.notebook_of("quick_start").cells[0].source.partition("\n\n")
    )
    assert link.startswith("[![Open in Colab](")
    assert link.endswith("/github/a/b/blob/main/notebooks/quick_start.ipynb)")
    monkeypatch.delenv("REPOSITORY")
    assert build.notebook_of("quick_start").cells[0].source == rest


@pytest.mark.once("reads files")
def test_keep_outputs_rewrites_only_texts(tmp_path, monkeypatch):
    monkeypatch.setattr(build, "FOLDER", tmp_path)
    script, path = tmp_path / "quick_start.py", tmp_path / "quick_start.ipynb"
    script.write_text("# %% [markdown]\n# old\n# %%\nprint(1)\n")
    notebook = build.notebook_of("quick_start")
    notebook.cells[1].outputs = [
        nbformat.v4.new_output("stream", name="stdout", text="1\n")
    ]
    nbformat.write(notebook, path)
    script.write_text("# %% [markdown]\n# new\n# %%\nprint(1)\n")
    build.main(["quick_start", "--keep-outputs"])
    notebook = nbformat.read(path, as_version=4)
    assert notebook.cells[0].source.endswith("new")
    assert text_of(notebook) == "1\n"
    script.write_text("# %% [markdown]\n# new\n# %%\nprint(2)\n")
    with pytest.raises(ValueError, match="without `--keep-outputs`"):
        build.main(["quick_start", "--keep-outputs"])


@pytest.mark.once("reads files")
@pytest.mark.parametrize("name", build.NAMES)
def test_a_pruning_fit_shows_its_progress(name):
    notebook = nbformat.read(build.FOLDER / f"{name}.ipynb", as_version=4)
    shown = [
        "".join(output.get("text", "") for output in cell.outputs)
        for cell in code_cells(notebook)
        if "callbacks=[callback]" in cell.source or "[slr," in cell.source
    ]
    lines = max(shown, key=len).splitlines()
    assert 10 <= len(lines) <= 40
    assert "residual" in lines[1]


@pytest.mark.once("reads files")
def test_a_script_that_does_not_start_with_a_cell(tmp_path, monkeypatch):
    monkeypatch.setattr(build, "FOLDER", tmp_path)
    (tmp_path / "wrong.py").write_text("import os\n# %%\n")
    with pytest.raises(ValueError, match="wrong.py to start with '# %%'"):
        build.notebook_of("wrong")


@pytest.mark.once("calls no backend")
def test_outputs_are_joined_and_warnings_dropped():
    stream = functools.partial(nbformat.v4.new_output, "stream")
    outputs = [
        stream(name="stdout", text="Epoch 1/2\n"),
        stream(name="stderr", text="warning\n"),
        stream(name="stdout", text="Epoch 2/2\n"),
    ]
    (joined,) = build._curated(outputs)
    assert joined.text == "Epoch 1/2\nEpoch 2/2\n"


@slow_where_compiled
def test_quick_start(tmp_path):
    text, figures = short_run("quick_start", tmp_path)
    line = r"accuracy (.*)%, +(\d+) KB"
    dense, dense_size = re.search(f"dense +{line}", text).groups()
    pruned, size = re.search(f"SLR +{line}", text).groups()
    assert float(dense) > 90 and float(pruned) > 75
    assert int(size) < 0.3 * int(dense_size)
    assert re.search(f"loaded +accuracy {pruned}%", text)
    assert "pruned weights: 90.00% zeros" in text
    assert figures == 2
    assert (tmp_path / "pruned.keras").exists()


@slow_where_compiled
def test_how_slr_works(tmp_path):
    text, figures = short_run("how_slr_works", tmp_path)
    assert "zeros 90.0" in text
    residual = re.search(r"residual before hard pruning: (.*)", text)[1]
    assert float(residual) == 0.0
    assert figures == 7


@pytest.mark.slow
def test_layers_and_rates(tmp_path):
    text, figures = short_run("layers_and_rates", tmp_path)
    assert "accuracy with only" in text
    assert float(re.search(r"with (.*)% zeros$", text, re.M)[1]) > 75
    assert figures == 3


@pytest.mark.slow
def test_filters_and_shrinking(tmp_path):
    text, figures = short_run("filters_and_shrinking", tmp_path)
    assert float(re.search(r"largest difference (\S+)", text)[1]) < 1e-4
    pruned, shrunk = re.search(r"pruned (.*), shrunk (.*)", text).groups()
    assert pruned == shrunk
    assert figures == 4
    small = keras.saving.load_model(tmp_path / "small.keras")
    assert small.get_layer("first").filters == 12


@pytest.mark.slow
@pytest.mark.parametrize("name", SLOW)
def test_notebook_that_converts(tmp_path, name):
    text, _ = short_run(name, tmp_path)
    assert "int8" in text
    assert (tmp_path / "int8.tflite").exists()


def short_run(name, folder):
    """Runs a notebook for a few epochs, on the backend of the tests.

    Returns:
        The text that it prints, and the number of its figures.
    """
    notebook = build.notebook_of(name)
    _, first, *_ = code_cells(notebook)
    for pattern, value in (
        (BACKEND, f'"{keras.config.backend()}"'),
        (r"^(EPOCHS = )(\d+)$", EPOCHS),
        (r"^(ROUNDS = )(\d+)$", 3),
    ):
        first.source = re.sub(
            pattern, rf"\g<1>{value}", first.source, flags=re.M
        )
    assert f"EPOCHS = {EPOCHS}\n" in first.source
    build.run(notebook, folder, OMP_NUM_THREADS=os.environ["OMP_NUM_THREADS"])
    figures = [o for o in outputs(notebook) if "image/png" in o.get("data", {})]
    return text_of(notebook), len(figures)


def text_of(notebook):
    return "".join(o.get("text", "") for o in outputs(notebook))


def outputs(notebook):
    return [output for cell in code_cells(notebook) for output in cell.outputs]


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]
