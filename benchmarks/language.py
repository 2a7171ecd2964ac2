"""A language model pruned without training: perplexity by method and zeros.

    KERAS_BACKEND=torch python -m benchmarks.language --data-dir DATA \
        --method slr --zeros 0.5 0.6 0.7 2:4
    KERAS_BACKEND=torch python -m benchmarks.language --data-dir DATA --layers

prunes SmolLM2-135M-Instruct, see `examples.prune_language_model`: it calibrates
on the second half of WikiText-2's test text and measures on windows of the
first. Rows go to `language.json`. `--layers` compares the errors of SLR and
ADMM, kernel by kernel, for the inputs that the dense model gives them.
"""

import argparse
import dataclasses
import json
import pathlib
import resource
import time

import keras
import numpy as np

import keras_slr
from benchmarks.quality.jobs import claimed
from benchmarks.quality.jobs import write
from examples import prune_language_model as example
from examples.language import perplexity
from examples.language import windows
from examples.models.llama import body
from keras_slr.layerwise.solve import solve
from keras_slr.layerwise.solvers import LayerADMM
from keras_slr.structures.from_text import from_text

METHODS = ("magnitude", "wanda", "sparsegpt", "admm", "slr")
ZEROS = ("0.5", "0.6", "0.7", "2:4")
LENGTH = 512


def main(argv=None):
    args = _parser().parse_args(argv)
    test, other = example.texts(args.data_dir, args.calibration)
    language = example.smollm2(args.models_dir)
    test = windows(language.encode(test), LENGTH, args.windows)
    first = args.draw * args.samples
    other = windows(language.encode(other), LENGTH, first + args.samples)
    other = other[first:]
    trained = language.model.get_weights()
    path = pathlib.Path(args.out, "language.json")
    setting = {
        "calibration": f"{args.samples} windows of {args.calibration}",
        "test": f"{args.windows} windows of wikitext2",
        "backend": keras.config.backend(),
    }
    if args.dense:
        _store(
            path,
            {"method": "dense", "zeros": "0"}
            | setting
            | {"perplexity": perplexity(language.model, test)},
        )
    for method in args.method:
        for zeros in args.zeros:
            language.model.set_weights(trained)
            executor = _Comparison() if args.layers else None
            start = time.perf_counter()
            report = keras_slr.prune_layerwise(
                body(language.model),
                other,
                method=method,
                batch_size=1,
                damping=args.damping,
                order="parallel" if args.layers else "sequential",
                executor=executor,
                verbose=0,
                **_plan(zeros, args.allocation),
            )
            row = {"method": method, "zeros": zeros} | setting
            row["damping"] = args.damping
            row |= {"draw": args.draw, "allocation": args.allocation}
            if executor is not None:
                row["method"] = "slr over admm, kernel by kernel"
                _store(path, row | executor.summary(report))
                continue
            seconds = time.perf_counter() - start
            _store(
                path,
                row
                | {
                    "perplexity": perplexity(language.model, test),
                    "sparsity": report.sparsity,
                    "seconds": round(seconds),
                    "gigabytes": _peak_gigabytes(),
                    "error": _mean(report, "calibration"),
                    "held_out": _mean(report, "held_out"),
                },
            )


class _Comparison:
    """An executor that solves each kernel by SLR and by ADMM."""

    def __init__(self):
        self._rivals = []

    def map(self, function, tasks):
        for task in tasks:
            found = function(task)
            same = dataclasses.replace(
                task, solver=LayerADMM(), damping=found.damping
            )
            self._rivals.append(solve(same).after)
            yield found

    def summary(self, report):
        """Returns the ratios of the errors, SLR over ADMM."""
        found = {}
        for key, name in (("error", "calibration"), ("held_out", "held_out")):
            ratios = [
                getattr(row.after, name) / getattr(rival, name)
                for row, rival in zip(report.rows, self._rivals)
            ]
            found[key] = {
                "mean": float(np.mean(ratios)),
                "least": float(np.min(ratios)),
                "most": float(np.max(ratios)),
                "kernels": len(ratios),
            }
        return found


def _plan(zeros, allocation):
    if ":" in zeros:
        return {"structure": from_text(zeros)}
    return {"rate": float(zeros), "allocation": allocation}


def _mean(report, name):
    return float(np.mean([getattr(row.after, name) for row in report.rows]))


def _peak_gigabytes():
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / 1e6, 1)


def _store(path, row):
    with claimed(path, wait=True):
        rows = json.loads(path.read_text()) if path.exists() else []
        rows = [each for each in rows if _key(each) != _key(row)]
        lines = ",\n".join(json.dumps(each) for each in [*rows, row])
        write(path, f"[\n{lines}\n]\n")
    print(row, flush=True)


def _key(row):
    names = ("method", "zeros", "calibration", "test", "damping")
    return (
        *(row.get(name) for name in names),
        row.get("draw", 0),
        row.get("allocation", "uniform"),
    )


def _parser():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--data-dir", required=True)
    parser.add_argument("--models-dir")
    parser.add_argument("--method", nargs="+", default=METHODS)
    parser.add_argument(
        "--zeros", nargs="+", default=["0.5", "0.6", "0.7", "2:4"]
    )
    parser.add_argument("--damping", type=float)
    parser.add_argument("--calibration", default="wikitext2")
    parser.add_argument("--samples", type=int, default=8)
    parser.add_argument(
        "--draw", type=int, default=0, help="0 takes the first samples"
    )
    parser.add_argument("--allocation", default="uniform")
    parser.add_argument("--windows", type=int, default=16)
    parser.add_argument("--layers", action="store_true")
    parser.add_argument("--dense", action="store_true")
    parser.add_argument("--out", default="benchmarks/results")
    return parser


if __name__ == "__main__":
    main()
