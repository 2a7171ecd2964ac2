"""Every method on the same weights, batches, steps and learning rates.

    KERAS_BACKEND=jax python -m benchmarks.quality --data-dir DATA
    KERAS_BACKEND=jax python -m benchmarks.quality --suite robustness ...

First the settings of the rivals are chosen, on validation rows taken from
the training data, seed 0, at the second of the task's rates and the shortest
of its runs. Then every method runs on each rate, length and seed, and the
test accuracy is measured. Each run is one file; runs whose file is there are
not repeated, so that an interrupted suite goes on where it was. Dense weights
that were trained are kept in `--cache`.
"""

import argparse
import json
import pathlib

import keras

from benchmarks.quality import trial
from benchmarks.quality.methods import METHODS
from benchmarks.quality.start import begin
from benchmarks.quality.suites import SUITES
from benchmarks.quality.suites import TASKS


def store(path, result):
    path.parent.mkdir(parents=True, exist_ok=True)
    # Whole or not at all: a run may be stopped at any time.
    part = path.with_suffix(".part")
    part.write_text(json.dumps(result, indent=1) + "\n")
    part.replace(path)


def choose(name, method, args):
    """Returns the index of the method's best setting on validation data."""
    _, solvers = METHODS[method]
    if len(solvers) == 1:
        return 0
    path = pathlib.Path(args.out) / name / "chosen" / f"{method}.json"
    if path.exists():
        return json.loads(path.read_text())["chosen"]
    task = TASKS[name]
    images = task.images(args.data_dir, validation=True)
    start = begin(task, images, 0, args.models_dir, args.cache)
    rate, epochs = task.rates[:2][-1], task.epochs[0]
    scores = [
        trial.score(start, method, solver, rate, epochs) for solver in solvers
    ]
    chosen = max(range(len(solvers)), key=scores.__getitem__)
    store(
        path,
        {
            "settings": [repr(solver) for solver in solvers],
            "validation": scores,
            "chosen": chosen,
        },
    )
    return chosen


def run_seed(name, seed, args):
    """Runs every method of a task on one seed."""
    task = TASKS[name]
    chosen = {method: choose(name, method, args) for method in args.methods}
    start = None
    for epochs in args.epochs or task.epochs:
        for rate in args.rates or task.rates:
            for method in args.methods:
                solver = METHODS[method][1][chosen[method]]
                key = f"{method}_{rate}_{epochs}_{seed}"
                path = pathlib.Path(args.out) / name / f"{key}.json"
                if path.exists():
                    continue
                if start is None:
                    images = task.images(args.data_dir)
                    start = begin(
                        task, images, seed, args.models_dir, args.cache
                    )
                about = {
                    "task": name,
                    "method": method,
                    "setting": repr(solver),
                    "rate": rate,
                    "epochs": epochs,
                    "seed": seed,
                    "backend": keras.config.backend(),
                    "dense_weights": start.digest,
                }
                result = trial.run(start, method, solver, rate, epochs)
                store(path, about | result)
                print(f"{name} {key} {result['pruned']:.2f}", flush=True)


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--suite", choices=SUITES, default="fast")
    parser.add_argument("--task", choices=TASKS, action="append")
    parser.add_argument("--data-dir", help="folder of the data sets")
    parser.add_argument("--models-dir", help="folder of pretrained models")
    parser.add_argument("--seeds", type=int, nargs="+")
    parser.add_argument("--methods", choices=METHODS, nargs="+")
    parser.add_argument("--rates", type=float, nargs="+")
    parser.add_argument("--epochs", type=int, nargs="+")
    parser.add_argument("--out", help="folder of the results")
    parser.add_argument(
        "--cache",
        default="build/dense",
        help="folder that trained dense weights are kept in",
    )
    parser.add_argument("--only-render", action="store_true")
    args = parser.parse_args(argv)
    suite = SUITES[args.suite]
    args.methods = args.methods or suite.methods
    args.out = args.out or f"benchmarks/results/{suite.folder}"
    if not args.only_render:
        for name in args.task or suite.tasks:
            for seed in args.seeds or suite.seeds:
                run_seed(name, seed, args)
    suite.render(pathlib.Path(args.out))


if __name__ == "__main__":
    main()
