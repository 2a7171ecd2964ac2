"""What the site adds to the pages: notebooks, an index of names, formulas.

REPOSITORY is the address of the repository, such as
`https://github.com/OWNER/keras-slr`. With it, pages have an edit link, and
links out of docs/ lead into the repository.
"""

import base64
import json
import os
import pathlib
import re
from html import unescape

REPOSITORY = os.environ.get("REPOSITORY", "").rstrip("/")
ROOT = pathlib.Path(__file__).parents[1]
_OUTWARDS = re.compile(r"\[([^\]]+)\]\(\.\./([^)]+)\)")
# An entry of a reference page, and the name shown where that is another one.
_ENTRY = re.compile(
    r"^::: (\S+)$(?:\n    options:\n      heading: (\S+)$)?", re.MULTILINE
)
_FORMULA = re.compile(
    r'<(span|div) class="arithmatex">\\[(\[](.*?)\\[)\]]</\1>', re.DOTALL
)


def on_config(config):
    """Sets the links to the repository."""
    if REPOSITORY:
        config.repo_url = REPOSITORY
        config.repo_name = "Repository"
        config.edit_uri = "edit/HEAD/docs/"
    return config


def on_files(files, config):
    """Adds the notebooks, with their pictures, and the index of names."""
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        pictures = []
        page = "\n\n".join(_markdown(c, path.stem, pictures) for c in cells)
        _add(files, config, f"tutorials/{path.stem}.md", page)
        for name, content in pictures:
            _add(files, config, f"tutorials/{name}", content)
    _add(files, config, "reference/index.md", _index_page())
    files.remove(files.get_file_from_path("site_hooks.py"))
    return files


def on_page_markdown(markdown, page, config, files):
    """Makes links out of docs/ lead into the repository, or names the path."""
    # In a folder of docs/ the same dots lead to a page.
    if "/" in page.file.src_uri:
        return markdown
    link = rf"[\1]({REPOSITORY}/blob/HEAD/\2)" if REPOSITORY else r"\1 (`\2`)"
    return _OUTWARDS.sub(link, markdown)


def on_page_content(html, page, config, files):
    """Typesets formulas as MathML, which browsers show without a script."""

    def typeset(match):
        # Tests read pages where this is not installed.
        from latex2mathml.converter import convert

        formula = unescape(match[2].strip())
        if match[1] == "span":
            return convert(formula)
        return f'<div class="formula">{convert(formula, display="block")}</div>'

    return _FORMULA.sub(typeset, html)


def names():
    """Returns the public names in alphabetical order, with their paths."""
    found = {
        heading or path: path
        for page in sorted((ROOT / "docs" / "reference").glob("*.md"))
        for path, heading in _ENTRY.findall(page.read_text(encoding="utf-8"))
    }
    return sorted(
        found.items(), key=lambda item: item[0].rsplit(".", 1)[1].lower()
    )


def _index_page():
    """Returns the Markdown of the index: each name and what it is."""
    import griffe

    packages = {
        name: griffe.load(name, search_paths=[ROOT])
        for name in ("keras_slr", "tflite_export")
    }
    rows = [
        f"| [`{name.rsplit('.', 1)[1]}`][{path}] <br> "
        f"{name.rsplit('.', 1)[0]} | {_summary(packages, path)} |"
        for name, path in names()
    ]
    return "\n".join(
        ["# All names", "", "| name | what it is |", "|---|---|", *rows]
    )


def _summary(packages, path):
    """Returns the first line of an object's docstring."""
    package, _, rest = path.partition(".")
    text = packages[package][rest].docstring.value
    return text.partition("\n")[0].replace("|", "\\|")


def _add(files, config, uri, content):
    # Tests read pages where there is no MkDocs.
    from mkdocs.structure.files import File

    files.append(File.generated(config, uri, content=content))


def _markdown(cell, name, pictures):
    """Returns a cell as Markdown, and adds its pictures to a list."""
    source = "".join(cell["source"])
    if cell["cell_type"] == "markdown":
        return source
    parts = [_fenced(source, "python")]
    for output in cell["outputs"]:
        data = output.get("data", {})
        if "image/png" in data:
            picture = f"{name}_{len(pictures)}.png"
            pictures.append((picture, base64.b64decode(data["image/png"])))
            parts.append(f"![Output of the cell above]({picture})")
        else:
            text = output.get("text", data.get("text/plain", ""))
            parts.append(_fenced("".join(text).rstrip("\n"), "text"))
    return "\n\n".join(parts)


def _fenced(text, language):
    return f"```{language}\n{text}\n```"
