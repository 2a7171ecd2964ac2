"""Workflows, templates and targets fit each other."""

import pathlib
import re
import subprocess
import tomllib

import pytest
import yaml

pytestmark = pytest.mark.once("reads files of the repository")

ROOT = pathlib.Path(__file__).parents[2]
MAKEFILE = (ROOT / "Makefile").read_text()
TARGETS = set(
    re.search(r"^\.PHONY: ((?:.*\\\n)*.*)", MAKEFILE, re.M)[1]
    .replace("\\\n", " ")
    .split()
)
WORKFLOWS = {
    path.stem: yaml.safe_load(path.read_text())
    for path in (ROOT / ".github" / "workflows").glob("*.yml")
}


def jobs():
    return [
        pytest.param(workflow, job, id=f"{name}-{job}")
        for name, workflow in WORKFLOWS.items()
        for job in workflow["jobs"]
    ]


def test_help_has_a_line_for_every_target():
    said = subprocess.run(
        ["make", "--no-print-directory", "help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    listed = {line.split()[0] for line in said.splitlines()}
    assert listed == TARGETS
    assert max(map(len, said.splitlines())) <= 80


def test_the_workflows_that_there_are():
    assert set(WORKFLOWS) == {"docs", "release", "tests", "wheel"}


@pytest.mark.parametrize("workflow,job", jobs())
def test_jobs_call_targets_and_pin_actions(workflow, job):
    assert workflow["permissions"] == {"contents": "read"}
    needed = workflow["jobs"][job].get("needs")
    assert needed is None or needed in workflow["jobs"]
    for step in workflow["jobs"][job]["steps"]:
        assert ("uses" in step) != ("run" in step)
        assert re.search(r"@(v\d|release/v\d)", step.get("uses", "@v1"))
        for target in re.findall(r"^make (\S+)", step.get("run", ""), re.M):
            assert target in TARGETS


def test_tests_run_on_every_backend_and_python():
    matrix = WORKFLOWS["tests"]["jobs"]["tests"]["strategy"]["matrix"]
    assert set(matrix["backend"]) == {"tensorflow", "jax", "torch"}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    stated = [c.rpartition(" ")[2] for c in project["classifiers"]]
    assert matrix["python"] == [v for v in stated if re.match(r"3\.\d", v)]


def test_a_release_is_a_tag_that_is_published_without_a_password():
    release = WORKFLOWS["release"]
    # YAML 1.1 reads the key `on` as a boolean.
    assert release[True] == {"push": {"tags": ["v*"]}}
    publish = release["jobs"]["publish"]
    assert publish["permissions"] == {"id-token": "write"}
    assert "with" not in publish["steps"][-1]


@pytest.mark.parametrize("name", ["bug", "feature"])
def test_issue_forms(name):
    path = ROOT / ".github" / "ISSUE_TEMPLATE" / f"{name}.yml"
    form = yaml.safe_load(path.read_text())
    assert {"name", "description", "body"} <= set(form)
    ids = [part["id"] for part in form["body"]]
    assert len(set(ids)) == len(ids)
    assert all(part["attributes"]["label"] for part in form["body"])


def test_hooks_before_a_commit():
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())
    found = {hook["id"] for repo in hooks["repos"] for hook in repo["hooks"]}
    assert {"ruff-check", "ruff-format", "check-yaml"} <= found
