"""Conversions whose parent is killed, or interrupts them."""

import os
import pathlib
import signal
import subprocess
import sys
import time

import keras
import pytest

from tflite_export import convert

pytestmark = [
    pytest.mark.skipif(
        sys.platform != "linux", reason="looks for children in /proc"
    ),
    pytest.mark.once("the child works on TensorFlow, whatever the backend"),
]
_SIGNALS = ("TERM", "INT", "HUP", "KILL")
# Children end at once, but other tests may take the cores for seconds.
_PATIENCE = 10
# A process for each file, which prints its number and that of its child at
# each stage, and waits for its signal where the child converts. Forks, because
# the imports take longer than all the rest.
_CONVERT = """
import os
import signal
import sys
import time
import keras_slr
import tflite_export

# Under `nohup` it is ignored.
signal.signal(signal.SIGHUP, signal.SIG_DFL)
source, *outs = sys.argv[1:]

def progress(stage):
    pid = os.getpid()
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        print(pid, file.read().strip(), stage, flush=True)
    if stage == "convert to float32":
        # On busy cores the signal comes late.
        time.sleep(60)

for out in outs:
    if os.fork() == 0:
        tflite_export.convert(source, out, progress=progress)
        os._exit(0)
for _ in outs:
    print(*os.wait(), flush=True)
"""


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    path = tmp_path_factory.mktemp("source") / "model.keras"
    keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)]).save(path)
    return path


def processes():
    """Returns the state and the parent of each process, by its number."""
    found = {}
    for path in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            state, parent = path.read_text().rpartition(")")[2].split()[:2]
        except (FileNotFoundError, ProcessLookupError):
            continue
        # A process that nobody has waited for is dead, too.
        if state != "Z":
            found[int(path.parent.name)] = int(parent)
    return found


def children(pid):
    return {child for child, parent in processes().items() if parent == pid}


def test_killed_parents_leave_no_child_and_no_folder(source, tmp_path):
    outs = [tmp_path / f"{name}.tflite" for name in _SIGNALS]
    with subprocess.Popen(
        [sys.executable, "-c", _CONVERT, str(source), *map(str, outs)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        parents, at_work, ends = [], set(), {}
        for line in process.stdout:
            pid, *words = line.split(maxsplit=2)
            if len(words) == 1:
                ends[pid] = words[0]
            elif words[1] == "convert to float32\n":
                child = int(words[0])
                # Or it would soon be done, and end by itself.
                os.kill(child, signal.SIGSTOP)
                at_work.add(child)
                name = _SIGNALS[len(parents)]
                os.kill(int(pid), signal.Signals[f"SIG{name}"])
                parents.append(int(pid))
            if len(parents) == len(outs):
                break
        killed = time.monotonic()
        while (
            at_work & set(processes()) and time.monotonic() < killed + _PATIENCE
        ):
            time.sleep(0.02)
        left = at_work & set(processes())
        for child in left:
            os.kill(child, signal.SIGKILL)
        assert not left
        # Beside them, stages that were printed before the signals.
        rest = [line.split() for line in process.stdout]
        ends |= dict(line for line in rest if len(line) == 2)
    assert ends.keys() == {str(pid) for pid in parents}
    assert "0" not in ends.values()

    # The next call: it is interrupted, too, by an error of the user's.
    before, started = children(os.getpid()), set()

    def interrupt(stage):
        started.update(children(os.getpid()) - before)
        raise KeyError(stage)

    with pytest.raises(KeyError, match="load the model"):
        convert(source, tmp_path / "out.tflite", progress=interrupt)
    assert started and not started & set(processes())
    assert list(tmp_path.iterdir()) == []


def test_a_child_ends_when_its_input_is_closed():
    """What ends it on other systems than Linux."""
    code = (
        "import time; from keras_slr_base import with_parent; "
        "with_parent.watch_parent(); print('ready', flush=True); time.sleep(60)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as child:
        assert child.stdout.readline() == "ready\n"
        child.stdin.close()
        assert child.wait(_PATIENCE) == 1
