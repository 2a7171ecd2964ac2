"""What sharing a rate out over the layers is worth.

    KERAS_BACKEND=jax python -m benchmarks.allocations --data-dir DATA

A task of `benchmarks.quality`, pruned by SLR and by gradual magnitude with
default arguments but for the allocation, and not retrained. Accuracies are on
the validation images, which are not trained on.
"""

import argparse
import json
import pathlib

import keras_slr
from benchmarks.quality.start import begin
from benchmarks.quality.suites import TASKS
from keras_slr.allocation import ALLOCATIONS

# Each rule once: "flat" is another name of "uniform".
NAMES = [name for name in ALLOCATIONS if name != "flat"]
CALLBACKS = {
    "slr": keras_slr.SLRCallback,
    "gmp": keras_slr.GradualMagnitudeCallback,
}


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--task", default="lenet_300_100_mnist", choices=TASKS)
    parser.add_argument("--data-dir", help="folder of the data sets")
    parser.add_argument("--models-dir", help="folder of pretrained models")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2])
    parser.add_argument(
        "--rates", type=float, nargs="+", help="default: the task's last two"
    )
    parser.add_argument("--epochs", type=int, help="default: the task's first")
    parser.add_argument(
        "--allocations", nargs="+", choices=NAMES, default=NAMES
    )
    parser.add_argument("--cache", default="build/dense")
    parser.add_argument("--out", default="benchmarks/results")
    args = parser.parse_args(argv)
    task = TASKS[args.task]
    epochs = args.epochs or task.epochs[0]
    images = task.images(args.data_dir, validation=True)
    results = []
    for seed in args.seeds:
        start = begin(task, images, seed, args.models_dir, args.cache)
        for rate in args.rates or task.rates[-2:]:
            for allocation in args.allocations:
                for method, make in CALLBACKS.items():
                    callback = make(rate, allocation=allocation)
                    start.rewind(epochs)
                    start.fit(epochs, [callback])
                    result = {
                        "seed": seed,
                        "rate": rate,
                        "allocation": allocation,
                        "method": method,
                        "accuracy": start.score(),
                        "rates": [r.rate for r in callback.report().pruned],
                    }
                    print(json.dumps(result), flush=True)
                    results.append(result)
    path = pathlib.Path(args.out) / f"allocations_{args.task}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
