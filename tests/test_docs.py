"""The site's pages: every public name, links that lead somewhere, examples."""

import doctest
import importlib
import importlib.util
import os
import pathlib
import re
import subprocess
import sys
import types

import keras
import pytest
import yaml
from keras import layers

import keras_slr
import tflite_export
from keras_slr import plots
from keras_slr import schedules
from keras_slr import scores
from keras_slr.interop import tfmot
from notebooks import build

pytestmark = pytest.mark.once("reads pages")

ROOT = pathlib.Path(__file__).parents[1]
DOCS = ROOT / "docs"
REFERENCE = "\n".join(
    path.read_text() for path in sorted((DOCS / "reference").glob("*.md"))
)
# What is shown of an object whose name a package of the same name hides.
HEADING = r"^::: (\S+)$(?:\n    options:\n      heading: (\S+)$)?"
SHOWN = {
    heading or path: path
    for path, heading in re.findall(HEADING, REFERENCE, re.MULTILINE)
}
PUBLIC = {
    *(f"keras_slr.{name}" for name in keras_slr.__all__),
    *(f"keras_slr.plots.{name}" for name in plots.__all__),
    *(f"keras_slr.schedules.{name}" for name in schedules.__all__),
    *(f"keras_slr.scores.{name}" for name in scores.__all__),
    *(f"keras_slr.interop.tfmot.{name}" for name in tfmot.__all__),
    *(f"tflite_export.{name}" for name in tflite_export.__all__),
} - {"keras_slr.__version__", "keras_slr.schedules", "keras_slr.scores"}
EXAMPLES = sorted(
    str(path.relative_to(ROOT).with_suffix("")).replace("/", ".")
    for package in ("keras_slr", "tflite_export")
    for path in (ROOT / package).rglob("*.py")
    if ">>> " in path.read_text()
)


def test_every_public_name_is_in_the_reference():
    assert sorted(PUBLIC - set(SHOWN)) == []


@pytest.mark.parametrize("name", sorted(SHOWN))
def test_what_the_reference_shows_is_there(name):
    found = resolved(SHOWN[name])
    assert found.__doc__ and not isinstance(found, types.ModuleType)
    # What a reader types after `import PACKAGE`, in a dotted path.
    package, _, _ = name.rpartition(".")
    names = {}
    exec(f"import {package}", names)
    assert eval(name, names) is found
    # By another path the site would show the module of the same name.
    if found.__module__.endswith(f".{found.__name__}"):
        assert SHOWN[name] == f"{found.__module__}.{found.__name__}"
    if name in PUBLIC:
        package, _, attribute = name.rpartition(".")
        assert found is getattr(importlib.import_module(package), attribute)


def test_every_page_is_in_the_navigation_and_there():
    settings = yaml.safe_load((ROOT / "mkdocs.yml").read_text())
    pages = {
        page
        for entry in settings["nav"]
        for part in entry.values()
        for page in ([part] if isinstance(part, str) else map(only, part))
    }
    written = {str(path.relative_to(DOCS)) for path in DOCS.rglob("*.md")}
    generated = {f"tutorials/{name}.md" for name in build.NAMES}
    assert pages == written | generated | {"reference/index.md"}


@pytest.mark.parametrize("page", sorted(p.name for p in DOCS.glob("*.md")))
def test_links_lead_somewhere(page):
    for link in re.findall(r"\]\(([^)#\s]+)", (DOCS / page).read_text()):
        if "://" in link:
            continue
        if link.startswith("tutorials/"):
            assert pathlib.Path(link).stem in build.NAMES
        elif link == "reference/index.md":
            continue  # The site's hooks make it.
        else:
            assert (DOCS / link).exists(), link


def test_links_out_of_the_site_are_paths_in_the_repository():
    hooks = site_hooks()
    text = "See [results](../benchmarks/results) and [a page](shrink.md)."
    for uri, shown in (
        (
            "export.md",
            "See results (`benchmarks/results`) and [a page](shrink.md).",
        ),
        ("reference/plan.md", text),
    ):
        page = types.SimpleNamespace(file=types.SimpleNamespace(src_uri=uri))
        assert hooks.on_page_markdown(text, page, None, None) == shown


def test_files_on_the_page_of_the_architecture_exist():
    text = (DOCS / "architecture.md").read_text()
    files = [f for f in re.findall(r"`(\w+/[\w/.]+)`", text) if "NAME" not in f]
    assert len(files) > 20
    assert [file for file in files if not (ROOT / file).exists()] == []


def test_the_index_has_every_name_in_alphabetical_order():
    found = site_hooks().names()
    assert dict(found) == SHOWN
    ends = [name.rsplit(".", 1)[1].lower() for name, _ in found]
    assert ends == sorted(ends)


def test_cells_of_a_notebook_on_a_page():
    hooks, pictures = site_hooks(), []
    cell = {
        "cell_type": "code",
        "source": ["x = 1\n", "x"],
        "outputs": [
            {"output_type": "stream", "text": ["said\n"]},
            {"data": {"image/png": "UE5H", "text/plain": ["<Figure>"]}},
            {"data": {"text/plain": ["1"]}},
        ],
    }
    assert hooks._markdown(cell, "name", pictures) == (
        "```python\nx = 1\nx\n```\n\n```text\nsaid\n```\n\n"
        "![Output of the cell above](name_0.png)\n\n```text\n1\n```"
    )
    assert pictures == [("name_0.png", b"PNG")]


@pytest.mark.parametrize("name", EXAMPLES)
def test_examples_of_docstrings(name):
    failed, tried = doctest.testmod(importlib.import_module(name))
    assert tried and not failed


def test_examples_of_the_page_on_shrinking():
    x = keras.Input((8, 8, 3))
    stem = layers.Conv2D(16, 3, padding="same", name="stem")(x)
    stem = layers.BatchNormalization(name="norm")(stem)
    y = layers.Conv2D(16, 3, padding="same", name="conv_1")(stem)
    y = layers.Conv2D(16, 3, padding="same", name="conv_2")(y)
    y = layers.GlobalAveragePooling2D()(layers.Add()([stem, y]))
    model = keras.Model(x, layers.Dense(10, name="head")(y))
    text = (DOCS / "shrink.md").read_text()
    (block,) = re.findall(r"^```python\n(>>> .*?)^```$", text, re.M | re.S)
    names = {"model": model, "keras_slr": keras_slr}
    test = doctest.DocTestParser().get_doctest(
        block, names, "shrink.md", "docs/shrink.md", 0
    )
    assert doctest.DocTestRunner().run(test) == (0, 1)


def test_the_examples_of_the_readme_run_as_pasted(tmp_path):
    text = (ROOT / "README.md").read_text()
    blocks = re.findall(r"^```python\n(.*?)^```$", text, re.M | re.S)
    # The first block is lines out of the examples that follow it.
    code = "\n".join(blocks[1:]) + "assert small.layers\n"
    for line in blocks[0].splitlines():
        assert line.startswith("#") or line in code
    child = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert child.returncode == 0, child.stderr
    assert (tmp_path / "pruned.keras").exists()
    assert "total" in child.stdout


def resolved(path):
    """Returns what a path means, also where a function hides a module."""
    parts = path.split(".")
    for count in range(1, len(parts)):
        found = importlib.import_module(".".join(parts[:count]))
        for name in parts[count:]:
            found = getattr(found, name, None)
        if found is not None:
            return found
    raise AssertionError(f"nothing is at {path}")


def only(entry):
    (page,) = entry.values()
    return page


def site_hooks():
    spec = importlib.util.spec_from_file_location(
        "site_hooks", DOCS / "site_hooks.py"
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
