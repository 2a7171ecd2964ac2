"""`python -m tflite_export.benchmark FILE.tflite...`."""

import importlib
import pathlib
import sys

import numpy as np

from keras_slr_base.archive import inflation
from keras_slr_base.atomic_file import atomic_file
from keras_slr_base.command_line import Parser
from keras_slr_base.command_line import run
from keras_slr_base.extras import extra
from tflite_export.benchmark.benchmark import benchmark


def main(argv=None):
    """Measures files and prints a table.

    Returns:
        Integer, the exit code: `2` for invalid input, `1` if a file
        could not be measured.
    """
    return run(lambda: _measure(argv))


def _measure(argv):
    parser = Parser(
        prog="python -m tflite_export.benchmark",
        description="Measure TFLite files against the first one.",
    )
    parser.add_argument("files", metavar="FILE.tflite", nargs="+")
    parser.add_argument(
        "--data",
        help="for the accuracy: an .npz file with x_test and y_test, or x and "
        "y, or the name of a data set, such as mnist",
    )
    parser.add_argument(
        "--data-dir", help="folder with local copies of the data sets"
    )
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--plot", metavar="IMAGE.png")
    parser.add_argument("--json", metavar="OUT.json")
    args = parser.parse_args(argv)
    if args.plot:
        # Fail now rather than after minutes of measuring.
        importlib.import_module("tflite_export.benchmark.plot")
    _check_files(args.files)
    found = benchmark(
        args.files,
        data=args.data and _data(args.data, args.data_dir),
        threads=args.threads,
        rounds=args.rounds,
    )
    print(found.render(), end="")
    if args.plot:
        found.plot(args.plot)
    if args.json:
        with atomic_file(args.json) as made:
            made.write_text(found.to_json() + "\n")
    return int(any(row.failure for row in found.rows))


def _check_files(paths):
    with extra("export"):
        from tflite_export.flatbuffer import read

    for path in paths:
        if not pathlib.Path(path).is_file():
            raise FileNotFoundError(
                f"Expected a TFLite file, received {path}, which is not a "
                "file: check the path."
            )
        read(path)


def _data(name_or_path, data_dir):
    """Returns inputs and targets of a file, or of a data set's test split."""
    if not name_or_path.endswith(".npz"):
        # Imported here, because the rest does not need Keras.
        from keras_slr.data import load

        data = load(name_or_path, data_dir)
        return data.x_test, data.y_test
    path = name_or_path
    try:
        if inflated := inflation(path):
            raise ValueError(inflated)
        with np.load(path) as arrays:
            end = "_test" if "x_test" in arrays else ""
            return arrays[f"x{end}"], arrays[f"y{end}"]
    except OSError as error:
        raise ValueError(
            f"Expected an .npz file with arrays `x` and `y`, received {path}, "
            f"which cannot be read: {error.strerror}."
        ) from error
    except Exception as error:
        raise ValueError(
            f"Expected an .npz file with arrays `x` and `y`, received {path}, "
            "which is not one: write it with `np.savez(path, x=x, y=y)`."
        ) from error


if __name__ == "__main__":
    sys.exit(main())
