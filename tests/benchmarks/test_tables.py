"""Tables say what the runs gave, and where SLR is first."""

import json

import pytest

from benchmarks.quality import report
from benchmarks.quality import results
from benchmarks.quality import verdict

pytestmark = pytest.mark.once("drives the package, whose tests run everywhere")


def run_of(method, rate, seed, pruned, **kwargs):
    return {
        "task": "made",
        "method": method,
        "rate": rate,
        "epochs": 3,
        "seed": seed,
        "dense": 90.0,
        "pruned": pruned,
        "batch_norm": pruned,
        "finetuned": pruned,
        "seconds": 2.0,
        "pruned_by_epoch": [10.0, 89.6, pruned],
        "residual": [0.5, 0.1, 0.0] if method == "slr" else [0.0] * 3,
        "entries": 1000,
        "zeros": round(1000 * rate),
        "parameters": 1100,
        **kwargs,
    }


def write_runs(folder, runs):
    lines = [json.dumps(run) + "\n" for run in runs]
    (folder / "made.jsonl").write_text("".join(lines))


def test_tables_say_who_is_first_and_by_how_much(tmp_path):
    runs = [
        run_of("slr", 0.9, 0, 88.0),
        run_of("slr", 0.9, 1, 88.4),
        run_of("gmp", 0.9, 0, 88.5),
        run_of("gmp", 0.9, 1, 88.7),
        run_of("slr", 0.95, 0, 87.0),
        run_of("slr", 0.95, 1, 85.0),
        run_of("gmp", 0.95, 0, 85.5, pruned_by_epoch=[9.0, 9.0, 85.5]),
        run_of("slr", 0.98, 0, 80.0),
        run_of("slr", 0.98, 1, 82.0),
        run_of("gmp", 0.98, 0, 80.5),
        run_of("gmp", 0.98, 1, 81.0),
    ]
    write_runs(tmp_path, runs)
    report.render(tmp_path)
    text = (tmp_path / "README.md").read_text()
    assert "SLR is first in 2 of 3 cells" in text
    assert "not at 90 % (-0.40 to gradual magnitude, beyond the spread)" in text
    assert (
        "narrowly at 98 % (+0.25 to gradual magnitude, within the spread)"
        in text
    )
    assert (
        "| gradual magnitude | **88.60 (88.50 to 88.70)** "
        "| 85.50, 1 of 2 seeds | 80.75 (80.50 to 81.00) |" in text
    )
    # Dense, pruned, fine-tuned, pruned layers, whole model, epochs.
    assert (
        "| 95 % | SLR | 90.00 | **86.00** | **86.00** | 20.0 | 7.3 | **2** |"
        in text
    )
    assert (
        "| 95 % | gradual magnitude | 90.00 | 85.50 | 85.50 | 20.0 | 7.3 | - |"
        in text
    )
    assert "batch norm anew |" not in text


def test_methods_are_compared_on_the_seeds_that_both_have():
    def cell(*pruned):
        return [run_of("", 0.9, i, p) for i, p in enumerate(pruned) if p]

    cells = {
        (0.9, "slr"): cell(87.0, 85.0, None),
        # No rival, but SLR itself.
        (0.9, "slr_tuned"): cell(99.0, 99.0, None),
        (0.9, "gmp"): cell(86.5, None, 99.0),
        (0.9, "admm"): cell(None, 84.0, None),
        (0.9, "greg_1"): cell(None, None, 99.0),
    }
    [found] = verdict.verdicts(results.Group("made", 3, cells))
    assert found == verdict.Verdict(0.9, "gmp", 87.0, 86.5, "one seed each")


def test_cases_end_with_the_worst(tmp_path):
    runs = [
        run_of("slr", 0.9, 0, 88.0),
        run_of("gmp", 0.9, 0, 88.5),
        run_of("admm", 0.9, 0, 0.0, diverged="NaN or Inf"),
        run_of("slr", 0.95, 0, 86.0),
        run_of("gmp", 0.95, 0, 85.0),
    ]
    del runs[2]["pruned_by_epoch"], runs[2]["zeros"]
    write_runs(tmp_path, runs)
    report.render_cases(tmp_path)
    lines = (tmp_path / "README.md").read_text().splitlines()
    assert (
        "| `made` | 3 | 90 % | 90.00 | 88.00 | **88.50** | 0.00 "
        "| -0.50, one seed each |" in lines
    )
    assert lines[-1] == (
        "SLR is first in 1 of 2 cases. Worst case: `made`, 90 % (-0.50 to "
        "gradual magnitude, one seed each)."
    )


def test_lengths_say_how_long_a_run_has_to_be(tmp_path):
    runs = [
        run_of(method, 0.9, seed, pruned + seed, epochs=epochs)
        for method, epochs, pruned in (
            ("slr", 2, 80.0),
            ("slr", 5, 86.0),
            ("slr", 10, 87.0),
            ("admm", 2, 70.0),
            ("admm", 10, 85.9),
        )
        for seed in (0, 1)
    ]
    write_runs(tmp_path, runs)
    report.render_lengths(tmp_path)
    lines = (tmp_path / "README.md").read_text().splitlines()
    assert "| epochs, 90 % | 2 | 5 | 10 |" in lines
    assert (
        "| ADMM | 70.50 (70.00 to 71.00) |  | 86.40 (85.90 to 86.90) |" in lines
    )
    assert lines[-2:] == [
        "ADMM reaches 86.40 after 10 epochs; SLR reaches this after 5.",
        "The dense model has 90.00; SLR is within 0.5 points of it after "
        "none of these.",
    ]
