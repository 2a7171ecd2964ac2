"""Each invalid input gives a message of one line and writes nothing."""

import json
import sys

import pytest

from benchmarks.reliability import bad_inputs
from keras_slr import ADMM
from keras_slr.commands import recipe

pytestmark = pytest.mark.once("the command line checks what it reads")


@pytest.fixture(scope="module")
def found():
    return {case: told for case, *told in bad_inputs.messages()}


def test_there_are_sixty_inputs_and_they_differ():
    assert len(set(bad_inputs.CASES)) == len(bad_inputs.CASES) >= 60


@pytest.mark.parametrize(
    "case", bad_inputs.CASES, ids=lambda case: f"{case.tool} {case.command}"
)
def test_one_line_and_exit_code_2(found, case):
    code, told = found[case]
    assert code == 2, told
    assert told.count("\n") == 1 and told.endswith("\n")
    assert "Traceback" not in told
    assert case.word in told, told


def test_nothing_is_written(tmp_path, monkeypatch):
    bad_inputs.make_files(tmp_path)
    monkeypatch.chdir(tmp_path)
    before = {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*")}
    for case in bad_inputs.CASES[:: len(bad_inputs.CASES) // 8]:
        bad_inputs.run(case)
    assert {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*")} == before


@pytest.mark.skipif(
    sys.version_info[:2] != (3, 11), reason="Python's own texts differ"
)
def test_the_page_is_up_to_date(found):
    page = bad_inputs.page([(case, *told) for case, told in found.items()])
    assert bad_inputs.PAGE.read_text() == page


def test_a_recipe(tmp_path):
    path = tmp_path / "r.json"
    fields = {
        "rate": {"hidden": 0.5, "default": 0.75},
        "structure": "filter",
        "method": "admm",
        "update_every": 0.1,
        "budget": None,
        "epochs": 3,
    }
    path.write_text(json.dumps(fields))
    read = recipe.load(path, {"epochs": 4})
    assert read.epochs == 4 and read.batch_size == 128
    callback = read.callback()
    assert isinstance(callback.pruner.solver, ADMM)
    assert callback.pruner.plan.rate == fields["rate"]
    assert callback.pruner.update_every == 0.1
    assert type(callback.pruner.plan.structure).__name__ == "Filter"


def test_yaml_holds_plain_values_alone(tmp_path):
    pytest.importorskip("yaml")
    path = tmp_path / "r.yaml"
    path.write_text("rate: {hidden: 0.5}\nepochs: 3\ninclude: [hidden]\n")
    assert recipe.load(path) == recipe.Recipe(
        rate={"hidden": 0.5}, epochs=3, include=["hidden"]
    )
    for text, word in (
        ("rate: !!python/object/apply:os.getcwd []", "python/object"),
        ("rate: 0.5\nrate: 0.9", "'rate' is given twice"),
        ("rate: [0.5", "cannot be read"),
        ("{[1]: 2}", "cannot be read"),
        ("rate: 1e-3", "'1e-3'"),
    ):
        path.write_text(text)
        with pytest.raises(ValueError) as error:
            recipe.load(path)
        assert word in str(error.value)


def test_yaml_without_its_reader(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "yaml", None)
    path = tmp_path / "r.yaml"
    path.write_text("rate: 0.5")
    with pytest.raises(ImportError, match=r"keras-slr\[yaml\]"):
        recipe.load(path)
