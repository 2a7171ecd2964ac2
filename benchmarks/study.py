"""Accuracy of SLR without single parts, over optimizers and epochs.

    KERAS_BACKEND=jax python -m benchmarks.study --data-dir DATA

LeNet-300-100 on MNIST after ten dense epochs, pruned and not retrained, in
cases that differ in optimizer, learning rate, epochs and rate. Accuracies are
on the last 5000 training images, which no run trains on; only
`benchmarks.quality` uses the test images.
"""

import argparse
import dataclasses
import json
import pathlib
import statistics

import keras_slr
from benchmarks.quality.start import begin
from benchmarks.quality.tasks import TASKS
from benchmarks.quality.training import Training
from keras_slr import SLR
from keras_slr import GradualMagnitude
from keras_slr.schedules import Geometric

TASK = "lenet_300_100_mnist"
# Optimizer, learning rate, epochs, pruning rate.
CASES = [
    ("adam", 1e-3, 10, 0.98),
    ("adam", 1e-3, 3, 0.95),
    ("adam", 1e-3, 3, 0.98),
    ("adam", 1e-4, 3, 0.95),
    ("sgd", 1e-2, 3, 0.98),
    ("sgd", 1e-1, 3, 0.98),
]
SLR_CALLBACK = keras_slr.SLRCallback
SOLVERS = {
    "default": (SLR_CALLBACK, SLR()),
    "metric 1/3": (SLR_CALLBACK, SLR(metric=1 / 3)),
    "metric 1/2": (SLR_CALLBACK, SLR(metric=0.5)),
    "no metric": (SLR_CALLBACK, SLR(metric=0.0)),
    "a weaker pull": (SLR_CALLBACK, SLR(rho=Geometric(0.1, 0.9))),
    "settled at 70 %": (SLR_CALLBACK, SLR(freeze_at=0.7)),
    "settled at 90 %": (SLR_CALLBACK, SLR(freeze_at=0.9)),
    "no continuation": (SLR_CALLBACK, SLR(ramp=None)),
    "no multipliers": (
        SLR_CALLBACK,
        SLR(stepsize=1e-9, stepsize_bound=1e-9),
    ),
    "coupled": (SLR_CALLBACK, SLR.coupled()),
    "gradual magnitude": (
        keras_slr.GradualMagnitudeCallback,
        GradualMagnitude(),
    ),
}


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data-dir", help="folder of the data sets")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--solvers", nargs="+", default=list(SOLVERS))
    parser.add_argument("--out", default="benchmarks/results/study.json")
    args = parser.parse_args(argv)
    images = TASKS[TASK].images(args.data_dir, validation=True)
    path = pathlib.Path(args.out)
    results = json.loads(path.read_text()) if path.exists() else {}
    starts = {seed: begin(TASKS[TASK], images, seed) for seed in args.seeds}
    for name in args.solvers:
        rows = {}
        for optimizer, learning_rate, epochs, rate in CASES:
            case = f"{optimizer} {learning_rate:g}, {epochs} epochs, {rate}"
            task = dataclasses.replace(
                TASKS[TASK], training=Training(optimizer, learning_rate)
            )
            rows[case] = []
            for seed in args.seeds:
                start = dataclasses.replace(starts[seed], task=task)
                make, solver = SOLVERS[name]
                start.rewind(epochs)
                start.fit(epochs, [make(rate, solver=solver, allocation="erk")])
                rows[case].append(start.score())
        results[name] = rows
        means = [statistics.mean(row) for row in rows.values()]
        print(name, " ".join(f"{mean:.2f}" for mean in means), flush=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
