"""Runs are merged into one sorted file per task."""

import json
import pathlib

import pytest

from benchmarks.quality import records
from benchmarks.quality.jobs import claimed
from benchmarks.quality.suites import SUITES

pytestmark = pytest.mark.once("drives the package, whose tests run everywhere")

RESULTS = pathlib.Path(records.__file__).parents[1] / "results"


def record_of(rate=0.9, seed=0, **kwargs):
    about = {"task": "made", "method": "slr", "rate": rate, "epochs": 3}
    return about | {"seed": seed, **kwargs}


def leave(folder, *found, name="made"):
    """Writes records as a sweep leaves them."""
    part = folder / records.UNMERGED / name
    part.mkdir(parents=True, exist_ok=True)
    for i, record in enumerate(found):
        (part / f"{i}.json").write_text(json.dumps(record))


def test_merged_runs_are_lines_sorted_by_number(tmp_path):
    runs = [
        record_of(0.95, 2),
        record_of(0.95, 10),
        record_of(0.9, 0, pruned=98.15000295639038, residual=[0.1, 0.0]),
    ]
    leave(tmp_path, *runs)
    records.merge(tmp_path)
    lines = (tmp_path / "made.jsonl").read_text().splitlines()
    assert lines == [json.dumps(runs[i]) for i in (2, 0, 1)]
    assert not (tmp_path / records.UNMERGED).exists()


def test_a_run_replaces_the_one_with_its_key(tmp_path):
    leave(tmp_path, record_of(seed=0, pruned=1.0), record_of(seed=1))
    records.merge(tmp_path)
    leave(tmp_path, record_of(seed=0, pruned=2.0))
    records.merge(tmp_path)
    merged = list(records.read(tmp_path, "made").values())
    assert merged == [record_of(seed=0, pruned=2.0), record_of(seed=1)]
    text = (tmp_path / "made.jsonl").read_text()
    records.merge(tmp_path)
    assert (tmp_path / "made.jsonl").read_text() == text


def test_files_stay_while_another_process_works(tmp_path):
    leave(tmp_path, record_of())
    with claimed(tmp_path, shared=True):
        records.merge(tmp_path)
        assert list((tmp_path / records.UNMERGED).rglob("*.json"))
    text = (tmp_path / "made.jsonl").read_text()
    records.merge(tmp_path)
    assert not (tmp_path / records.UNMERGED).exists()
    assert (tmp_path / "made.jsonl").read_text() == text


def test_chosen_settings_are_no_task(tmp_path):
    chosen = {"task": "made", "method": "gmp", "chosen": 1}
    leave(tmp_path, record_of())
    leave(tmp_path, chosen, name=records.CHOSEN)
    records.merge(tmp_path)
    assert records.tasks(tmp_path) == ["made"]
    found = records.read(tmp_path, records.CHOSEN)
    assert found == {("made", "gmp"): chosen}


@pytest.mark.parametrize(
    "folder", ["quality", "robustness", "convergence", "defaults"]
)
def test_tracked_results_are_sorted(folder):
    paths = list((RESULTS / folder).glob("*.jsonl"))
    assert paths
    for path in paths:
        lines = path.read_text().splitlines()
        keys = [records.key(json.loads(line)) for line in lines]
        assert keys == sorted(set(keys)), path
        assert lines == [json.dumps(json.loads(line)) for line in lines]
        if path.stem != records.CHOSEN:
            assert {task for task, *_ in keys} == {path.stem}


@pytest.mark.parametrize(
    "suite",
    [
        # Draws all plots as well.
        pytest.param("full", marks=pytest.mark.slow),
        "robustness",
        "convergence",
        "defaults",
    ],
)
def test_tracked_tables_show_the_tracked_results(suite, tmp_path):
    suite = SUITES[suite]
    tracked = RESULTS / suite.folder
    for path in tracked.glob("*.jsonl"):
        (tmp_path / path.name).symlink_to(path)
    suite.render(tmp_path)
    text = (tmp_path / "README.md").read_text()
    assert text == (tracked / "README.md").read_text()
