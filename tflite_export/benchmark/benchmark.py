"""Latency, memory and accuracy of TFLite files, each in its own process."""

import contextlib
import gzip
import importlib
import os
import pathlib
import statistics
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any
from typing import TypeAlias

import numpy as np

from keras_slr_base.extras import extra
from keras_slr_base.work_folder import work_folder
from tflite_export.benchmark.process import FileProcess
from tflite_export.benchmark.record import Benchmark
from tflite_export.benchmark.record import Row
from tflite_export.benchmark.spread import Spread
from tflite_export.benchmark.spread import times_faster

# Takes targets and outputs.
Metric: TypeAlias = Callable[[Any, Any], Any]
Path: TypeAlias = str | os.PathLike[str]


def accuracy(y: np.ndarray, outputs: np.ndarray) -> float:
    """Returns the share of examples whose largest output is that of `y`.

    Args:
        y: Integer array, of `(examples,)` or `(examples, 1)`.
        outputs: Array of `(examples, classes)`.
    """
    return float(np.mean(outputs.argmax(axis=-1) == np.reshape(y, -1)))


def benchmark(
    files: Mapping[str, Path] | Iterable[Path] | Path,
    data: tuple[Any, Any] | None = None,
    metric: Metric = accuracy,
    threads: Sequence[int] = (1, 2),
    rounds: int = 20,
) -> Benchmark:
    """Measures TFLite files on the LiteRT interpreter of this machine.

    Each file runs in its own process, so that its memory is measured alone and
    a crash does not affect other files. The warm processes take short turns,
    one at a time: a slow phase of the machine slows all of them, and cancels
    out in the ratios of neighbouring turns. Runs use
    random inputs and the file's own batch size.

    Args:
        files: Dict of paths by name, or list of paths. The others are compared
            with the first file.
        data: Pair of arrays, inputs and targets, one row an example, or
            `None`. Inputs are what the float model takes; they are quantized
            for files that take integers. Defaults to `None`, no score.
        metric: Function of targets and outputs that returns a number.
            Defaults to `accuracy`.
        threads: Sequence of numbers of threads. Defaults to `(1, 2)`.
        rounds: Integer, turns of each file, 2 or more. Defaults to `20`.

    Returns:
        `Benchmark`. A file that cannot be loaded or run has a row with the
        reason.

    Raises:
        ValueError: If there are no files, a path is no file, or an argument
            is invalid.
        ImportError: If LiteRT is not installed.
    """
    named = _named(files)
    with extra("export"):
        importlib.import_module("ai_edge_litert")
    _check(data, threads, rounds)
    rows: list[Row] = []
    for count in threads:
        rows += _rows(named, count, rounds, None if rows else data, metric)
    if data is not None:
        # The number of threads does not change the outputs.
        scores = [row.score for row in rows[: len(named)]] * len(threads)
        rows = [
            Row(**{**vars(row), "score": score})
            for row, score in zip(rows, scores)
        ]
    return Benchmark(tuple(rows), metric.__name__, rounds)


def score(
    path: Path, data: tuple[Any, Any], metric: Metric = accuracy
) -> float:
    """Returns the metric of a file's outputs for data.

    Args:
        path: Path of a TFLite file.
        data: See `benchmark`.
        metric: See `benchmark`. Defaults to `accuracy`.

    Raises:
        RuntimeError: If the file cannot be run on the data.
    """
    with FileProcess(path, 1) as process:
        found = _score(process, data, metric)
    if process.failure:
        raise RuntimeError(
            "Expected a file that runs on the data, received "
            f"{path}, which failed: {process.failure}."
        )
    return found


def _named(files):
    if isinstance(files, (str, os.PathLike)):
        files = [files]
    if not isinstance(files, dict):
        files = _by_name([pathlib.Path(path) for path in files])
    if not files:
        raise ValueError(
            "Expected one file or more to measure, received none: give the "
            "paths of .tflite files."
        )
    for path in files.values():
        if not pathlib.Path(path).is_file():
            raise ValueError(
                f"Expected the path of a .tflite file, received {path}, which "
                "is not a file: write one with `tflite_export.convert`."
            )
    return files


def _by_name(paths):
    """Returns paths by the names of the files, or else by the paths."""
    names = [path.stem for path in paths]
    if len(set(names)) < len(names):
        names = [str(path) for path in paths]
    return dict(zip(names, paths))


def _check(data, threads, rounds):
    if not threads or min(threads) < 1:
        raise ValueError(
            "Expected `threads` to be numbers of 1 or more, received "
            f"{threads!r}: give them as in (1, 2)."
        )
    if rounds < 2:
        raise ValueError(
            f"Expected `rounds` to be 2 or more, received {rounds}: quartiles "
            "need several turns."
        )
    if data is not None and len(data[0]) != len(data[1]):
        raise ValueError(
            "Expected `data` to be inputs and targets of as many examples, "
            f"received {len(data[0])} and {len(data[1])}: give a row an "
            "example."
        )


def _rows(files, threads, rounds, data, metric):
    """Returns the rows of all files at one number of threads."""
    with contextlib.ExitStack() as stack:
        processes = [
            stack.enter_context(FileProcess(path, threads))
            for path in files.values()
        ]
        for process in processes:
            process.ask("warm_up")
        turns = [
            [process.ask("turn") for process in processes]
            for _ in range(rounds)
        ]
        memory = [process.ask("memory") for process in processes]
        scores = [_score(process, data, metric) for process in processes]
        failures = [process.failure for process in processes]
    samples, shares = [], []
    for of_file in zip(*turns):
        whole = None not in of_file
        samples.append([seconds for seconds, _ in of_file] if whole else None)
        shares.append(
            statistics.median(share for _, share in of_file) if whole else None
        )
    base = samples[0]
    return [
        Row(
            name=name,
            path=str(path),
            threads=threads,
            **_sizes(path),
            seconds=seconds and Spread.of(seconds),
            times_faster=base and seconds and times_faster(base, seconds),
            core_share=shares[i],
            memory=memory[i],
            score=scores[i],
            failure=failures[i],
        )
        for i, ((name, path), seconds) in enumerate(zip(files.items(), samples))
    ]


def _sizes(path):
    content = pathlib.Path(path).read_bytes()
    return {
        "bytes": len(content),
        "gzip_bytes": len(gzip.compress(content)),
    }


def _score(process, data, metric):
    if data is None or process.failure:
        return None
    x, y = data
    with work_folder() as folder:
        inputs, outputs = (str(folder / f"{name}.npy") for name in ("x", "y"))
        np.save(inputs, x)
        process.ask("predict", inputs, outputs)
        if process.failure:
            return None
        return float(metric(y, np.load(outputs)))
