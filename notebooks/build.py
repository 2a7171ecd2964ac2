"""Makes the notebooks out of their scripts, and runs them.

    python -m notebooks.build [NAME ...]

A script is what one edits: Python in the percent format that Jupytext and
editors know. `# %%` begins a cell of code, `# %% [markdown]` one of text in
comments, and `# %matplotlib inline` is a command of Jupyter. A notebook holds
the same cells with the outputs of a full run.
"""

import argparse
import base64
import io
import os
import pathlib
import tempfile

import nbclient
import nbformat
import PIL.Image
from nbformat.v4 import new_code_cell
from nbformat.v4 import new_markdown_cell
from nbformat.v4 import new_notebook

FOLDER = pathlib.Path(__file__).parent
NAMES = (
    "quick_start",
    "how_slr_works",
    "layers_and_rates",
    "filters_and_shrinking",
    "to_the_phone",
    "from_tfmot",
)
_MARK = "# %%"
_TEXT = f"{_MARK} [markdown]"


def notebook_of(name):
    """Returns the notebook of a script, without outputs.

    Args:
        name: String, one of `NAMES`.

    Returns:
        `nbformat` notebook.

    Raises:
        ValueError: If the script does not begin with a cell.
    """
    cells = []
    for line in (FOLDER / f"{name}.py").read_text().splitlines():
        if line in (_MARK, _TEXT):
            cells.append((line, []))
        elif cells:
            cells[-1][1].append(line)
        else:
            raise ValueError(
                f"Expected {name}.py to begin with {_MARK!r} or {_TEXT!r}. "
                f"Received: {line!r}."
            )
    notebook = new_notebook(
        cells=[_cell(mark, lines) for mark, lines in cells],
        metadata={
            "kernelspec": {
                "display_name": "Python 3",
                "language": "python",
                "name": "python3",
            },
            "language_info": {"name": "python"},
        },
    )
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number}"
    return notebook


def run(notebook, folder, **environment):
    """Runs a notebook in a kernel of its own, on this very package.

    Args:
        notebook: `nbformat` notebook, which gets the outputs.
        folder: Where the kernel runs and files go.
        **environment: Strings, variables beside those of this process.

    Raises:
        nbclient.exceptions.CellExecutionError: If a cell fails.
    """
    paths = [str(FOLDER.parent), os.environ.get("PYTHONPATH")]
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
    nbclient.NotebookClient(
        notebook,
        timeout=600,
        kernel_name="python3",
        record_timing=False,
        resources={"metadata": {"path": str(folder)}},
    ).execute(env={**os.environ, **environment})


def _cell(mark, lines):
    source = "\n".join(lines).strip("\n")
    if mark == _TEXT:
        text = [line.removeprefix("#").removeprefix(" ") for line in lines]
        return new_markdown_cell("\n".join(text).strip("\n"))
    return new_code_cell(source.replace("# %matplotlib", "%matplotlib"))


def _curated(outputs):
    """Returns outputs without warnings, and with small pictures."""
    # Warnings are those of one machine's libraries.
    outputs = [o for o in outputs if o.get("name") != "stderr"]
    for output in outputs:
        data = output.get("data", {})
        if "image/png" in data:
            data["image/png"] = _smaller(data["image/png"])
    return outputs


def _smaller(png):
    """Returns a picture with a palette, in a third of the size."""
    image = PIL.Image.open(io.BytesIO(base64.b64decode(png))).convert("RGB")
    written = io.BytesIO()
    image.quantize(128, dither=PIL.Image.Dither.NONE).save(
        written, format="png", optimize=True
    )
    return base64.b64encode(written.getvalue()).decode()


def main(argv=None):
    """Writes notebooks with the outputs of a full run."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME")
    for name in parser.parse_args(argv).names or NAMES:
        notebook = notebook_of(name)
        with tempfile.TemporaryDirectory() as folder:
            run(notebook, folder, KERAS_SLR_TINY="")
        for cell in notebook.cells:
            if cell.cell_type == "code":
                cell.outputs = _curated(cell.outputs)
        path = FOLDER / f"{name}.ipynb"
        nbformat.write(notebook, path)
        print(f"Wrote {path}, {path.stat().st_size / 1000:.0f} KB.", flush=True)


if __name__ == "__main__":
    main()
