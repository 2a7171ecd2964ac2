"""What the site needs beside the pages: notebooks, and links out of docs/."""

import base64
import json
import pathlib
import re

ROOT = pathlib.Path(__file__).parents[1]
_OUTWARDS = re.compile(r"\[([^\]]+)\]\(\.\./([^)]+)\)")


def on_files(files, config):
    """Adds the notebooks as pages with their pictures."""
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        pictures = []
        page = "\n\n".join(_markdown(c, path.stem, pictures) for c in cells)
        _add(files, config, f"tutorials/{path.stem}.md", page)
        for name, content in pictures:
            _add(files, config, f"tutorials/{name}", content)
    files.remove(files.get_file_from_path("site_hooks.py"))
    return files


def on_page_markdown(markdown, page, config, files):
    """Names what lies beside docs/ by its path in the repository."""
    # In a folder of docs/ the same dots lead to a page.
    if "/" in page.file.src_uri:
        return markdown
    return _OUTWARDS.sub(r"\1 (`\2`)", markdown)


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
