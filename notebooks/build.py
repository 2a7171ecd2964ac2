"""Builds the notebooks from their scripts and runs them.

    python -m notebooks.build [NAME ...]

Edit the scripts. They use the percent format of Jupytext: `# %%` starts a code
cell, and `# %% [markdown]` starts a cell of text in comments. A code cell with
the tag `skip-execution`, such as `%pip install`, does not run here. Commented
lines such as `# %matplotlib inline` become commands of Jupyter. A notebook
has the same cells with the outputs of a full run, and a link to Colab.
"""

import argparse
import base64
import io
import os
import pathlib
import re
import tempfile

import nbclient
import nbformat
import PIL.Image
from nbformat.v4 import new_code_cell
from nbformat.v4 import new_markdown_cell
from nbformat.v4 import new_notebook

FOLDER = pathlib.Path(__file__).parent
ROOT = FOLDER.parent
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
_SKIPPED = f'{_MARK} tags=["skip-execution"]'


def notebook_of(name):
    """Returns the notebook of a script, without outputs.

    If the environment variable `REPOSITORY` has the project's address on
    GitHub, as in `setup.py`, the first cell gets a badge that opens the
    notebook in Colab.

    Args:
        name: String, one of `NAMES`.

    Returns:
        `nbformat` notebook.

    Raises:
        ValueError: If the script does not start with a cell.
    """
    cells = []
    for line in (FOLDER / f"{name}.py").read_text().splitlines():
        if line in (_MARK, _TEXT, _SKIPPED):
            cells.append((line, []))
        elif cells:
            cells[-1][1].append(line)
        else:
            raise ValueError(
                f"Expected {name}.py to start with {_MARK!r} or {_TEXT!r}. "
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
    if repository := os.environ.get("REPOSITORY"):
        first = notebook.cells[0]
        first.source = f"{_badge(repository, name)}\n\n{first.source}"
    return notebook


def run(notebook, folder, **environment):
    """Runs a notebook in a new kernel that imports this checkout.

    Args:
        notebook: `nbformat` notebook. The outputs are added to it.
        folder: Working directory of the kernel.
        **environment: Strings, environment variables to add for the kernel.

    Raises:
        nbclient.exceptions.CellExecutionError: If a cell fails.
    """
    paths = [str(ROOT), os.environ.get("PYTHONPATH")]
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
    source = re.sub(r"^# %(?=\w)", "%", source, flags=re.M)
    tags = {"tags": ["skip-execution"]} if mark == _SKIPPED else {}
    return new_code_cell(source, metadata=tags)


def _badge(repository, name):
    path = repository.removeprefix("https://github.com/").strip("/")
    colab = "https://colab.research.google.com"
    return (
        f"[![Open in Colab]({colab}/assets/colab-badge.svg)]"
        f"({colab}/github/{path}/blob/main/notebooks/{name}.ipynb)"
    )


def _curated(outputs):
    """Returns outputs with small pictures, in one text, without warnings."""
    curated = []
    for output in outputs:
        data = output.get("data", {})
        if "image/png" in data:
            data["image/png"] = _smaller(data["image/png"])
        printed = output.get("name") == "stdout"
        if printed and curated and curated[-1].get("name") == "stdout":
            curated[-1].text += output.text
        # Warnings depend on the machine's libraries.
        elif output.get("name") != "stderr":
            curated.append(output)
    return curated


def _smaller(png):
    """Returns a picture with a palette, a third of the size."""
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
    parser.add_argument(
        "--keep-outputs",
        action="store_true",
        help="rewrite only the text of notebooks whose code has not changed",
    )
    args = parser.parse_args(argv)
    for name in args.names or NAMES:
        path = FOLDER / f"{name}.ipynb"
        notebook = notebook_of(name)
        if args.keep_outputs:
            _copy_outputs(nbformat.read(path, as_version=4), notebook)
        else:
            with tempfile.TemporaryDirectory() as folder:
                run(notebook, folder)
            for cell in _code(notebook):
                cell.outputs = _curated(cell.outputs)
        nbformat.write(notebook, path)
        print(f"Wrote {path}, {path.stat().st_size / 1000:.0f} KB.", flush=True)


def _copy_outputs(old, new):
    sources = [[cell.source for cell in _code(n)] for n in (old, new)]
    if sources[0] != sources[1]:
        raise ValueError(
            "Expected a notebook with the code of its script. Received other "
            "code: run the build without `--keep-outputs`."
        )
    for before, after in zip(_code(old), _code(new)):
        after.outputs = before.outputs
        after.execution_count = before.execution_count


def _code(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


if __name__ == "__main__":
    main()
