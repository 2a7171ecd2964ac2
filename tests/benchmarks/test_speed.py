"""The benchmark of speed: its rows, and each part on something tiny."""

import json

import numpy as np
import pytest

from benchmarks.speed import __main__ as command
from benchmarks.speed import imports
from benchmarks.speed import memory
from benchmarks.speed import selection
from benchmarks.speed import sharded
from benchmarks.speed import table
from benchmarks.speed import updates
from benchmarks.speed.options import Options
from benchmarks.speed.rows import row
from benchmarks.speed.rows import with_control
from keras_slr.projections import keep_mask

TINY = Options(entries=(2_000,), quick=True)


def test_rows_have_medians_and_quartiles():
    found = row("case", "kind", "seconds", [5.0, 1.0, 2.0, 3.0, 4.0])
    assert (found["median"], found["quartiles"]) == (3.0, [2.0, 4.0])


@pytest.mark.parametrize(
    "values,margin,doubt",
    [
        ([1.0, 1.0], 0.1, "too few to tell"),
        ([0.9, 1.0, 1.1, 1.2, 0.8], 0.01, "too wide to tell"),
        ([0.999, 1.0, 1.001, 1.0, 1.0], 0.01, ""),
    ],
)
def test_rows_that_do_not_tell_say_so(values, margin, doubt):
    assert row("case", "kind", "ratio", values, margin=margin)["doubt"] == doubt


def test_a_control_that_is_not_one_puts_all_rows_in_doubt():
    values = [1.0, 1.001, 1.002]
    found = row("case", "kind", "ratio", values, margin=0.02)
    good = row("case", "plain", "ratio", values, margin=0.02)
    bad = row("case", "plain", "ratio", [1.05] * 3, margin=0.02)
    assert with_control([found], good, 0.02)[0]["doubt"] == ""
    assert with_control([found], bad, 0.02)[0]["doubt"] == "too wide to tell"


def test_a_row_replaces_its_earlier_one(tmp_path):
    path = tmp_path / "speed.json"
    for median in (1.0, 2.0):
        command.store(path, "part", row("a", "k", "s", [median] * 3))
    command.store(path, "part", row("b", "k", "s", [3.0] * 3))
    rows = json.loads(path.read_text())["rows"]
    assert [each["median"] for each in rows] == [2.0, 3.0]


def test_sizes_that_do_not_fit_are_an_error(monkeypatch):
    monkeypatch.setattr(updates, "available_memory", lambda: 3_000_000_000)
    updates.check_memory(10_000_000)
    with pytest.raises(MemoryError, match="4.0 GB.*Received 3.0 GB"):
        updates.check_memory(100_000_000)


def test_the_reference_selects_the_same():
    w = np.random.default_rng(0).normal(size=5_000).astype("float32").round(1)
    for count in (1, 700, 5_000):
        np.testing.assert_array_equal(
            selection.by_partition(w, count), keep_mask(w, count)
        )


def test_the_peak_of_memory_is_seen():
    def use():
        np.ones(50_000_000, "uint8").sum()

    assert memory.extra_bytes(use) == pytest.approx(5e7, rel=0.1)


@pytest.mark.parametrize("part", [selection, updates])
def test_parts_measure(part):
    rows = list(part.rows(TINY))
    assert rows and all(each["median"] > 0 for each in rows)


@pytest.mark.once("starts Python anew")
def test_imports_are_timed():
    (found,) = imports.rows(Options(pairs=1))
    assert 0 < found["median"] < 5


def test_gathering_is_found(tmp_path):
    name = "module_0001.jit_choose.cpu_after_optimizations.txt"
    with pytest.raises(RuntimeError, match="no file"):
        sharded.count_gathering(tmp_path)
    (tmp_path / name).write_text("%a = f32[4] all-reduce(%b)")
    assert sharded.count_gathering(tmp_path) == 0
    (tmp_path / name).write_text("%a = f32[4] all-gather(%b)")
    assert sharded.count_gathering(tmp_path) == 1


def test_the_table_has_a_column_for_each_backend():
    rows = [row("lenet", "SLR", "ratio", [1.0, 1.25, 1.5]) | {"part": "steps"}]
    text = table.markdown({"jax": rows, "torch": []})
    assert "|  |  | JAX | PyTorch | unit |" in text
    assert "| lenet | SLR | 1.25 (1.12 to 1.38) |  | ratio |" in text
