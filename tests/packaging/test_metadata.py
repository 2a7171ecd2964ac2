"""What a package index shows: links, picture, authors, classifiers."""

import email
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tarfile

import pytest

pytestmark = pytest.mark.once("reads metadata")

ROOT = pathlib.Path(__file__).parents[2]
SOURCES = (
    "CHANGELOG.md",
    "CITATION.cff",
    "LICENSE",
    "MANIFEST.in",
    "README.md",
    "keras_slr/version.py",
    "pyproject.toml",
    "setup.py",
    "tests/test_docs.py",
)


def built(folder, hook, repository=""):
    """Returns the path of what a hook of the build makes."""
    for name in SOURCES:
        (folder / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    code = f"from setuptools import build_meta; print(build_meta.{hook}('.'))"
    child = subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env={**os.environ, "REPOSITORY": repository},
        capture_output=True,
        text=True,
    )
    assert child.returncode == 0, child.stderr
    return folder / child.stdout.splitlines()[-1]


def metadata(folder, repository):
    info = built(folder, "prepare_metadata_for_build_wheel", repository)
    return email.message_from_string((info / "METADATA").read_text())


def links(message):
    return re.findall(r"\]\(([^)\s]+)\)", message.get_payload())


def test_links_lead_into_the_repository(tmp_path):
    repository = "https://example.org/us/keras-slr"
    message = metadata(tmp_path, repository)
    assert {link.partition(":")[0] for link in links(message)} == {"https"}
    inside = [link for link in links(message) if link.startswith(repository)]
    kinds = {"blob": 0, "raw": 0}
    for link in inside:
        kind, _, path = link.removeprefix(f"{repository}/").split("/", 2)
        kinds[kind] += 1
        assert (ROOT / path.partition("#")[0]).exists(), link
    assert kinds["raw"] == 1 and kinds["blob"] > 10
    assert f"Repository, {repository}" in message.get_all("Project-URL")


def test_without_an_address_there_is_no_broken_link(tmp_path):
    message = metadata(tmp_path, "")
    assert {link.partition(":")[0] for link in links(message)} == {"https"}
    assert "structures (`docs/structures.md`)" in message.get_payload()
    assert "![" not in message.get_payload()


def test_authors_licence_and_classifiers(tmp_path):
    message = metadata(tmp_path, "")
    assert message["Author"] == "The keras_slr authors"
    assert message["License-Expression"] == "Apache-2.0"
    assert message["Description-Content-Type"] == "text/markdown"
    assert "Paper (IJCAI 2021)" in "".join(message.get_all("Project-URL"))
    found = message.get_all("Classifier")
    assert "Typing :: Typed" in found
    for minor in (11, 12, 13):
        assert f"Programming Language :: Python :: 3.{minor}" in found


def test_the_source_distribution_has_no_tests(tmp_path):
    """They need the whole repository, and fail without it."""
    with tarfile.open(built(tmp_path, "build_sdist")) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert set(SOURCES) - names == {"tests/test_docs.py"}
