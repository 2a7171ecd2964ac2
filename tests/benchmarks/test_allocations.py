"""The benchmark of allocations runs what it is asked for."""

import json

import pytest

from benchmarks import allocations
from benchmarks.quality.start import Start
from benchmarks.quality.task import Task
from benchmarks.quality.training import Training
from tests.benchmarks.test_runs import small

pytestmark = pytest.mark.once("drives the package, whose tests run everywhere")


def rows(folder, *args):
    folders = ["--out", str(folder), "--cache", str(folder / "cache")]
    allocations.main([*folders, "--task", "digits", "--seeds", "0", *args])
    return json.loads((folder / "allocations_digits.json").read_text())


def test_the_task_says_rates_and_epochs_unless_the_user_does(
    tmp_path, monkeypatch
):
    task = Task(
        build=lambda models_dir: small(),
        dataset="digits",
        epochs=(2, 5),
        rates=(0.3, 0.5, 0.8),
        dense=Training(batch=64),
        dense_epochs=1,
        training=Training(batch=64),
    )
    monkeypatch.setitem(allocations.TASKS, "digits", task)
    trained = []
    rewind = Start.rewind

    def counted(start, epochs):
        trained.append(epochs)
        return rewind(start, epochs)

    monkeypatch.setattr(Start, "rewind", counted)
    found = rows(tmp_path, "--allocations", "erk", "lamp")
    assert [(r["rate"], r["allocation"], r["method"]) for r in found] == [
        (rate, allocation, method)
        for rate in (0.5, 0.8)
        for allocation in ("erk", "lamp")
        for method in ("slr", "gmp")
    ]
    assert trained == [2] * 8
    chosen = ["--allocations", "lamp", "--epochs", "1", "--rates", "0.6"]
    assert {r["rate"] for r in rows(tmp_path, *chosen)} == {0.6}
    assert trained[8:] == [1, 1]
