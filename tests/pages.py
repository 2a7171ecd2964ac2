"""The Python examples of the pages, as a reader pastes them.

    python tests/pages.py

runs every page in an empty folder, with the packages that are installed. A
block that needs what a reader has to bring follows the line
`<!-- not run: REASON -->`.
"""

import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).parents[1]
HOME = "docs/index.md"
PAGES = ("README.md", *sorted(f"docs/{p.name}" for p in ROOT.glob("docs/*.md")))
_BLOCK = re.compile(
    r"^(?:<!-- not run: (?P<reason>.+) -->\n)?"
    r"```python\n(?P<code>(?:.*\n)*?)```$",
    re.MULTILINE,
)
# The packages come from the environment, never from the repository.
_INSTALLED = "import keras_slr, sys; assert sys.prefix in keras_slr.__file__\n"


def blocks(page):
    """Returns pairs of code and the reason why it is not run, or `None`."""
    text = (ROOT / page).read_text("utf-8")
    return [(m["code"], m["reason"]) for m in _BLOCK.finditer(text)]


def program(page):
    """Returns what runs on a page, after the example of the home page."""
    before = [] if page in (HOME, "README.md") else blocks(HOME)
    return "\n".join(
        code for code, reason in before + blocks(page) if not reason
    )


def main():
    failed = []
    for page in PAGES:
        found = blocks(page)
        if not found:
            continue
        with tempfile.TemporaryDirectory() as folder:
            child = subprocess.run(
                [sys.executable, "-c", _INSTALLED + program(page)],
                cwd=folder,
                capture_output=True,
                text=True,
            )
        print(f"{page}: {'failed' if child.returncode else 'ok'}", flush=True)
        for code, reason in found:
            if reason:
                print(f"    not run: {code.splitlines()[0]} ({reason})")
        if child.returncode:
            failed.append(page)
            print(child.stderr)
    return f"failed: {', '.join(failed)}" if failed else 0


if __name__ == "__main__":
    sys.exit(main())
