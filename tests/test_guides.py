"""The code in the guides runs as pasted, one block after the other."""

import os
import pathlib
import re
import subprocess
import sys

import pytest

from tests import pages

pytestmark = pytest.mark.once("the example names its backend")

ROOT = pathlib.Path(__file__).parents[1]
# The guides that continue the complete example of the home page.
GUIDES = (
    "choosing",
    "methods",
    "cost",
    "did_it_work",
    "post_training",
    "pruning",
    "reliability",
    "structures",
)


def test_the_home_page_has_the_example_of_the_readme():
    (example,) = blocks("docs/index.md")
    assert example == blocks("README.md")[1]


def test_the_code_of_the_guides_runs(tmp_path):
    run(GUIDES, tmp_path)


@pytest.mark.slow  # Converts models.
def test_the_code_of_the_guides_on_files_runs(tmp_path):
    run(["export", "targets"], tmp_path)


def run(guides, folder):
    """Runs the example of the home page, then the code of guides."""
    (code,) = blocks("docs/index.md")
    for guide in guides:
        code += "\n".join([f"# {guide}", *blocks(f"docs/{guide}.md")])
    # The README's test trains this model on JAX, for all its epochs.
    code = re.sub(r"epochs=\d+", "epochs=1", code).replace('"jax"', '"torch"')
    child = subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "MPLBACKEND": "agg"},
        capture_output=True,
        text=True,
    )
    assert child.returncode == 0, child.stderr


@pytest.mark.parametrize("page", pages.PAGES)
def test_every_block_runs_from_the_wheel_or_says_why_not(page):
    found = pages.blocks(page)
    assert len(found) == (ROOT / page).read_text().count("```python")
    compile(pages.program(page), page, "exec")


def blocks(path):
    """Returns the blocks of Python on a page."""
    return [code for code, _ in pages.blocks(path)]
