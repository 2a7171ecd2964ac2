"""Processes share jobs, each made once."""

import json
import subprocess
import sys

import pytest

from benchmarks.quality import jobs

pytestmark = pytest.mark.once("drives the package, whose tests run everywhere")


def test_a_claimed_job_is_left_to_who_claimed_it(tmp_path):
    path = tmp_path / "job.json"
    first = jobs.Job(path, lambda: {"by": 1})
    second = jobs.Job(tmp_path / "second.json", first.read, (first,))
    with jobs.claimed(path) as mine:
        assert mine
        assert not first.run()
    assert not second.ready
    jobs.work([second, first])
    assert second.read() == first.read() == {"by": 1}


def test_several_processes_share_the_jobs(tmp_path):
    script = f"""
import os, pathlib, time
from benchmarks.quality.jobs import Job, work
def make():
    time.sleep(0.1)
    return {{"by": os.getpid()}}
folder = pathlib.Path({str(tmp_path)!r})
work([Job(folder / f"{{i}}.json", make) for i in range(12)])
"""
    processes = [
        subprocess.Popen([sys.executable, "-c", script]) for _ in range(3)
    ]
    assert [process.wait(60) for process in processes] == [0, 0, 0]
    made = [json.loads(p.read_text())["by"] for p in tmp_path.glob("*.json")]
    # Each once, and none by a process that had to wait for all the others.
    assert len(made) == 12
    assert set(made) == {process.pid for process in processes}


def test_shared_claims_exclude_one_that_is_not(tmp_path):
    with (
        jobs.claimed(tmp_path, shared=True) as first,
        jobs.claimed(tmp_path, shared=True) as second,
        jobs.claimed(tmp_path) as alone,
    ):
        assert (first, second, alone) == (True, True, False)
    with (
        jobs.claimed(tmp_path) as alone,
        jobs.claimed(tmp_path, shared=True) as other,
    ):
        assert (alone, other) == (True, False)


def test_a_merged_job_is_done_without_a_file(tmp_path):
    job = jobs.Job(tmp_path / "job.json", None, merged={"by": 1})
    after = jobs.Job(tmp_path / "after.json", job.read, (job,))
    jobs.work([job, after])
    assert after.read() == {"by": 1}
    assert not job.path.exists()
