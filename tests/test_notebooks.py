"""The notebooks, run from top to bottom in a kernel of their own."""

import json
import pathlib
import re

import nbclient
import nbformat
import pytest

pytestmark = pytest.mark.once("drives the package, whose tests run everywhere")

FOLDER = pathlib.Path(__file__).parents[1] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_is_valid_and_committed_without_outputs(path):
    notebook = nbformat.read(path, as_version=nbformat.NO_CONVERT)
    nbformat.validate(notebook)
    cells = [c for c in json.loads(path.read_text())["cells"]]
    code = [c for c in cells if c["cell_type"] == "code"]
    assert code
    assert all(not c["outputs"] and not c["execution_count"] for c in code)


def test_prune_your_model(tmp_path):
    notebook = nbformat.read(FOLDER / "prune_your_model.ipynb", as_version=4)
    first = next(c for c in notebook.cells if c.cell_type == "code")
    assert "EPOCHS = 30\n" in first.source
    first.source = first.source.replace("EPOCHS = 30\n", "EPOCHS = 4\n")
    nbclient.NotebookClient(
        notebook,
        timeout=300,
        kernel_name="python3",
        resources={"metadata": {"path": str(tmp_path)}},
    ).execute()
    outputs = [
        output
        for cell in notebook.cells
        if cell.cell_type == "code"
        for output in cell.outputs
    ]
    text = "".join(o.get("text", "") for o in outputs)
    dense, pruned = re.search(r"dense (.*)%, pruned (.*)%", text).groups()
    assert float(dense) > 90 and float(pruned) > 75
    assert f"loaded {pruned}%" in text
    sizes = re.search(r"dense (\d+) bytes, pruned (\d+)", text).groups()
    assert int(sizes[1]) < 0.3 * int(sizes[0])
    assert any("image/png" in o.get("data", {}) for o in outputs)
    assert (tmp_path / "pruned.keras").exists()
