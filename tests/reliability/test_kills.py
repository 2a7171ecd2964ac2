"""Runs in processes of their own, killed with SIGKILL."""

import json
import os
import subprocess
import sys

import pytest

from tests.helpers import slow_where_compiled


@slow_where_compiled
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_killed_runs_end_as_if_they_were_not(tmp_path):
    """One saved every epoch, one in the middle, with EMA and fine-tuning."""
    out = tmp_path / "kills.json"
    command = [
        sys.executable,
        "-m",
        "benchmarks.reliability.kills",
        "--kills",
        "2",
    ]
    child = subprocess.run(
        [*command, "--out", str(out)], capture_output=True, text=True
    )
    assert child.returncode == 0, child.stderr
    found = json.loads(out.read_text())
    assert found["kills"] == 2
    assert found["differences"] == found["unreadable"] == 0
