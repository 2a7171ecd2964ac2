"""Metadata that depends on where the repository lives.

REPOSITORY is its address, such as `https://github.com/OWNER/keras-slr`. The
links of README.md are relative; on a package index they become links into the
repository, or plain text if there is no address.
"""

import os
import pathlib
import re

from setuptools import setup

REPOSITORY = os.environ.get("REPOSITORY", "").rstrip("/")
_PICTURE = re.compile(r"!\[([^\]]*)\]\((?!https?:)([^)]+)\)\n*")
_LINK = re.compile(r"(?<!!)\[([^\]]+)\]\((?!https?:|#)([^)]+)\)")


def description(markdown):
    """Returns README.md without relative links."""
    if REPOSITORY:
        picture = rf"![\1]({REPOSITORY}/raw/HEAD/\2)" "\n\n"
        link = rf"[\1]({REPOSITORY}/blob/HEAD/\2)"
    else:
        picture, link = "", r"\1 (`\2`)"
    return _LINK.sub(link, _PICTURE.sub(picture, markdown))


def urls():
    """Returns the links that a package index shows."""
    found = {
        "Paper (IJCAI 2021)": "https://arxiv.org/abs/2012.10079",
        "Paper (TODAES 2023)": "https://arxiv.org/abs/2304.04120",
    }
    if REPOSITORY:
        found |= {
            "Repository": REPOSITORY,
            "Documentation": f"{REPOSITORY}/tree/HEAD/docs",
            "Changelog": f"{REPOSITORY}/blob/HEAD/CHANGELOG.md",
            "Issues": f"{REPOSITORY}/issues",
        }
    return found


setup(
    long_description=description(pathlib.Path("README.md").read_text("utf-8")),
    long_description_content_type="text/markdown",
    project_urls=urls(),
)
