"""Pretrained networks pruned without training, by one method after another.

    KERAS_BACKEND=torch python -m benchmarks.post_training \\
        --data-dir DATA --models-dir MODELS --method slr --method hard_prune

Adds rows to `post_training.json`: an interrupted command goes on where it
was, and several can run at once. Training images calibrate; settings are
chosen on other training images (`--on validation`), and test images judge
what was chosen. `python -m benchmarks.post_training.table` prints the tables.
"""

import argparse
import json
import pathlib

from benchmarks.post_training import rows
from benchmarks.post_training.case import cases
from benchmarks.post_training.data import CACHE
from benchmarks.post_training.nets import NETS
from benchmarks.post_training.run import Run
from benchmarks.post_training.table import FILE
from benchmarks.post_training.table import line
from benchmarks.speed import device


def main(argv=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--data-dir", required=True)
    parser.add_argument("--models-dir", required=True)
    parser.add_argument("--net", choices=NETS, action="append")
    parser.add_argument("--method", dest="methods", action="append")
    parser.add_argument("--zeros", nargs="+", help="such as 0.8 2:4")
    parser.add_argument("--allocations", nargs="+", default=["erk", "uniform"])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--images", type=int, default=512)
    parser.add_argument(
        "--argument",
        dest="arguments",
        type=_argument,
        action="append",
        default=[],
        help="of `prune_layerwise`, such as damping=0.1",
    )
    parser.add_argument("--on", choices=["test", "validation"], default="test")
    parser.add_argument("--again", action="store_true")
    parser.add_argument("--cache", default=CACHE)
    parser.add_argument("--out", default="benchmarks/results")
    options = parser.parse_args(argv)
    options.methods = options.methods or ["hard_prune", "slr"]
    path = pathlib.Path(options.out, FILE)
    for name in options.net or NETS:
        zeros = options.zeros or NETS[name].zeros
        todo = [
            case
            for case in cases(name, zeros, options)
            if options.again or not rows.has(path, case)
        ]
        if not todo:
            continue
        run = Run(name, options.models_dir, options.data_dir, options.cache)
        for case in todo:
            row = case.key | run.row(case) | device.describe()
            print(line(row), flush=True)
            rows.store(path, row)


def _argument(text):
    name, _, value = text.partition("=")
    try:
        return name, json.loads(value)
    except json.JSONDecodeError:
        return name, value


if __name__ == "__main__":
    main()
