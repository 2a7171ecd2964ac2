"""Real files in real interpreters; figures from independent calculations."""

import gzip
import json
import os
import pathlib
import signal
import subprocess
import sys

import keras
import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from keras import layers

from tflite_export import benchmark
from tflite_export import convert
from tflite_export.benchmark import Benchmark
from tflite_export.benchmark import Row
from tflite_export.benchmark import Spread
from tflite_export.benchmark.__main__ import _data
from tflite_export.benchmark.process import FileProcess
from tflite_export.benchmark.spread import times_faster

SHARED = pathlib.Path(__file__).parents[3] / "shared"
CORRUPT = b"\x1c\0\0\0TFL3" + bytes(range(200))

pytestmark = pytest.mark.once(
    "files are made and run the same way on every backend"
)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A small net, one of some hundred times its work, and a corrupt file."""
    folder = tmp_path_factory.mktemp("files")
    keras.utils.set_random_seed(3)
    for name, width in (("small", 4), ("large", 96)):
        model = keras.Sequential(
            [
                keras.Input((24, 24, 3)),
                layers.Conv2D(width, 3, padding="same", activation="relu"),
                layers.Conv2D(width, 3, padding="same", activation="relu"),
                layers.GlobalAveragePooling2D(),
                layers.Dense(10),
            ]
        )
        convert(model, folder / f"{name}.tflite")
    (folder / "corrupt.tflite").write_bytes(CORRUPT)
    names = ("small", "large", "corrupt")
    return {name: folder / f"{name}.tflite" for name in names}


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(37, 24, 24, 3)).astype("float32")
    return x, rng.integers(0, 10, (37, 1))


@pytest.fixture(scope="module")
def measured(files, data):
    return benchmark(files, data, threads=(1, 2), rounds=5)


def outputs(path, x):
    """Returns what a file makes of float inputs, one example at a time."""
    interpreter = Interpreter(str(path))
    interpreter.allocate_tensors()
    (taken,) = interpreter.get_input_details()
    (given,) = interpreter.get_output_details()
    found = []
    for example in x:
        if taken["dtype"] is np.int8:
            scale, zero_point = taken["quantization"]
            example = np.rint(example / scale) + zero_point
            example = np.clip(example, -128, 127).astype("int8")
        interpreter.set_tensor(taken["index"], example[None])
        interpreter.invoke()
        found.append(interpreter.get_tensor(given["index"])[0])
    return np.array(found)


def test_rows_are_the_files_at_each_number_of_threads(measured, files):
    rows = [(row.name, row.threads) for row in measured.rows]
    assert rows == [(name, n) for n in (1, 2) for name in files]
    for row in measured.rows:
        content = files[row.name].read_bytes()
        assert row.path == str(files[row.name])
        assert row.bytes == len(content)
        assert row.gzip_bytes == len(gzip.compress(content))


def test_accuracy_is_that_of_the_outputs(measured, files, data):
    x, y = data
    for row in measured.rows:
        if row.name != "corrupt":
            classes = outputs(files[row.name], x).argmax(axis=1)
            assert row.score == pytest.approx(np.mean(classes == y[:, 0]))
            assert 0 < row.score < 0.5


def test_the_larger_net_takes_longer_and_more_memory(measured):
    small, large = measured.rows[:2]
    assert large.seconds.median > 5 * small.seconds.median
    assert large.times_faster.median < 0.2
    assert small.times_faster == Spread(1.0, 1.0, 1.0)
    assert small.seconds.low <= small.seconds.median <= small.seconds.high
    # Beyond their kernels, 350 KB, two layers' outputs of 221 KB each; an
    # interpreter or the library itself would be tens of megabytes.
    assert small.memory < large.memory
    assert 5e5 < large.memory < 2e7


def test_a_corrupt_file_is_a_row_that_says_so(measured):
    for row in measured.rows[2::3]:
        assert row.name == "corrupt" and row.failure
        assert "\n" not in row.failure
        assert row.seconds is row.times_faster is row.score is None
    assert not any(row.failure for row in measured.rows if row.seconds)
    text = measured.render()
    assert text.count("corrupt at ") == 2
    assert measured.rows[2].failure in text


def test_a_crash_is_told_and_ends_nothing_else(files):
    with FileProcess(files["small"], 1) as process:
        seconds, share = process.ask("turn")
        assert seconds > 0 and 0 < share < 1.1
        os.kill(process._process.pid, signal.SIGSEGV)
        assert process.ask("turn") is None
        assert process.failure == "died of SIGSEGV"
        assert process.ask("turn") is None


def test_a_first_file_that_fails_is_no_measure(files):
    names = ("corrupt", "small")
    found = benchmark({n: files[n] for n in names}, threads=[1], rounds=2)
    assert found.rows[0].failure and not found.rows[1].failure
    assert found.rows[1].seconds.median > 0
    assert found.rows[1].times_faster is None


def test_data_of_another_shape_fails_in_a_sentence(files, data):
    (row,) = benchmark(
        [files["small"]], (data[0][:, 1:], data[1]), threads=[1], rounds=2
    ).rows
    assert "(24, 24, 3)" in row.failure and "(23, 24, 3)" in row.failure
    assert row.score is None and row.seconds.median > 0


def test_metric_of_ones_own(files, data):
    x, y = data

    def largest(targets, found):
        assert targets is y
        return found.max()

    (row,) = (
        found := benchmark(
            files["small"], data, metric=largest, threads=[1], rounds=2
        )
    ).rows
    assert row.score == pytest.approx(outputs(files["small"], x).max())
    assert found.metric == "largest" and "largest" in found.render()


def test_medians_and_ratios_of_given_samples():
    # The second file's first turn falls into a slow time of the machine.
    base, other = [8.0, 2.0, 2.0, 2.0, 4.0], [4.0, 1.0, 1.0, 2.0, 1.0]
    assert Spread.of(base) == Spread(2.0, 2.0, 4.0)
    assert Spread.of(other) == Spread(1.0, 1.0, 2.0)
    # 2, 2, 2, 1 and 4.
    assert times_faster(base, other) == Spread(2.0, 2.0, 2.0)
    assert Spread.of([1.0, 2.0]) == Spread(1.25, 1.5, 1.75)
    with pytest.raises(ValueError, match="zip"):
        times_faster(base, other[1:])


def made(**changes):
    row = {
        "name": "a",
        "path": "a.tflite",
        "threads": 1,
        "bytes": 12340,
        "gzip_bytes": 5600,
        "seconds": Spread(0.001, 0.00125, 0.002),
        "times_faster": Spread(1.0, 1.0, 1.0),
        "core_share": 0.96,
        "memory": 7_800_000,
        "score": 0.9125,
        "failure": None,
    }
    return Row(**{**row, **changes})


def test_table_plot_and_json_hold_the_figures(tmp_path):
    rows = (
        made(),
        made(name="[b]", seconds=Spread(0.01, 0.02, 0.03), score=0.5),
        made(threads=2, seconds=None, times_faster=None, failure="broke"),
    )
    found = Benchmark(rows, "accuracy", 7)
    text = found.render()
    for cell in ("1.25 (1 to 2)", "[b]", "7.8", "12.3", "5.6", "0.9125"):
        assert cell in text
    assert "Other work" not in text
    busy = Benchmark((*rows, made(core_share=0.75)), "accuracy", 7)
    assert "took the cores meanwhile, 25% of the time" in busy.render()
    assert "7 turns" in text and "a at 2 threads failed: broke" in text
    assert (
        "accuracy" not in Benchmark((made(score=None),), "accuracy", 7).render()
    )

    figure = found.plot(tmp_path / "plot.png")
    assert (tmp_path / "plot.png").read_bytes().startswith(b"\x89PNG")
    size, score = figure.axes
    assert list(size.lines[0].get_xdata()) == [1.25, 20.0]
    assert list(size.lines[0].get_ydata()) == [5.6, 5.6]
    assert list(score.lines[0].get_ydata()) == [0.9125, 0.5]
    assert [text.get_text() for text in score.texts] == ["a", "[b]"]
    assert score.get_ylabel() == "accuracy" and size.get_ylabel() == "gzip KB"

    figures = json.loads(found.to_json())
    assert figures["rounds"] == 7
    assert figures["rows"][1]["seconds"]["median"] == 0.02
    assert figures["rows"][2]["failure"] == "broke"


def test_arguments(files, data, tmp_path):
    for paths in ([], {}):
        with pytest.raises(ValueError, match="received none"):
            benchmark(paths)
    with pytest.raises(ValueError, match="gone.tflite, which is not a file"):
        benchmark([files["small"], tmp_path / "gone.tflite"])
    with pytest.raises(ValueError, match="`threads`"):
        benchmark(files, threads=(0,))
    with pytest.raises(ValueError, match="`rounds`"):
        benchmark(files, rounds=1)
    with pytest.raises(ValueError, match="received 37 and 36"):
        benchmark(files, (data[0], data[1][1:]))


def test_command_line(files, data, tmp_path):
    np.savez(tmp_path / "data.npz", x=data[0], y=data[1])
    names = ["small", "large"]
    done = run(
        *(files[name] for name in names),
        *("--data", tmp_path / "data.npz", "--threads", 1, "--rounds", 2),
        *("--plot", tmp_path / "plot.png", "--json", tmp_path / "out.json"),
    )
    assert done.stderr == ""
    assert done.returncode == 0
    assert "times faster than small" in done.stdout
    rows = json.loads((tmp_path / "out.json").read_text())["rows"]
    assert [row["name"] for row in rows] == names
    assert (tmp_path / "plot.png").exists()


def test_command_line_on_a_corrupt_file(files):
    done = run(files["small"], files["corrupt"])
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert str(files["corrupt"]) in done.stderr


@pytest.mark.parametrize("content", [None, b"not an archive", "other"])
def test_command_line_on_bad_data(files, tmp_path, content):
    path = tmp_path / "data.npz"
    if content == "other":
        np.savez(path, inputs=np.zeros(3))
    elif content:
        path.write_bytes(content)
    done = run(files["small"], "--data", path)
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.count("\n") == 1 and str(path) in done.stderr


def test_data_by_the_names_of_prune(tmp_path):
    x, y = _data("digits", None)
    assert x.shape == (360, 8, 8, 1) and y.shape == (360,)
    path = tmp_path / "data.npz"
    arrays = {name: np.full(2, name) for name in ("x_train", "x_test")}
    arrays |= {name: np.full(2, name) for name in ("y_train", "y_test")}
    np.savez(path, **arrays)
    assert [array[0] for array in _data(str(path), None)] == [
        "x_test",
        "y_test",
    ]
    with pytest.raises(FileNotFoundError, match="idx"):
        _data("mnist", tmp_path)


@pytest.mark.shared
@pytest.mark.skipif(not SHARED.is_dir(), reason="no ../shared")
def test_int8_inputs_are_quantized():
    """The published int8 net takes pixels from 0 to 255, less 128."""
    folder = SHARED / "models/mlperf-tiny/image_classification"
    with np.load(SHARED / "data/cifar10/cifar10.npz") as arrays:
        x = arrays["x_test"][:100].astype("float32")
        y = arrays["y_test"][:100]
    path = folder / "pretrainedResnet_quant.tflite"
    (row,) = benchmark([path], (x, y), threads=[1], rounds=2).rows
    expected = np.mean(outputs(path, x).argmax(axis=1) == y.reshape(-1))
    assert row.score == pytest.approx(expected)
    assert row.score > 0.8


def run(*args):
    return subprocess.run(
        [sys.executable, "-m", "tflite_export.benchmark", *map(str, args)],
        capture_output=True,
        text=True,
    )
