"""The versions that `make test-oldest` installs are those promised."""

import pathlib
import re
import tomllib

import pytest

pytestmark = pytest.mark.once("files of the repository")
ROOT = pathlib.Path(__file__).parents[1]


def test_the_oldest_versions_are_the_bounds_of_the_package():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    needs = [*project["dependencies"]]
    for backend in ("tensorflow", "jax", "torch"):
        needs += extras[backend]
    bounds = dict(need.split(">=") for need in needs)
    installed = dict(
        re.findall(
            r"^(\w+)(?:-cpu)?==(.*)$",
            (ROOT / "oldest-versions.txt").read_text(),
            re.M,
        )
    )
    # JAX brings its own library, and versions end in `.0`.
    assert installed.pop("jaxlib") == installed["jax"]
    assert installed == {name: f"{v}.0" for name, v in bounds.items()}
    readme = (ROOT / "README.md").read_text()
    for name in ("Keras", "TensorFlow", "JAX", "PyTorch"):
        bound = bounds[{"PyTorch": "torch"}.get(name, name.lower())]
        assert f"{name} {bound}" in readme
