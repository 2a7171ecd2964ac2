"""Every method on the same weights, batches, steps and learning rates.

    KERAS_BACKEND=jax python -m benchmarks.quality --data-dir DATA

First the settings of the rivals are chosen, on validation images taken from
the training data, seed 0, at the second of the task's rates and the shortest
of its runs. Then every method runs on each rate, length and seed, and the
test accuracy is measured. Each run is one file; runs whose file is there are
not repeated, so that an interrupted suite goes on where it was.
"""

import argparse
import hashlib
import json
import pathlib

import keras

from benchmarks.quality import table
from benchmarks.quality import trial
from benchmarks.quality.methods import METHODS
from benchmarks.quality.tasks import TASKS

SUITES = {
    "fast": ("lenet_300_100_mnist", "lenet_5_fashion_mnist"),
    "full": tuple(TASKS),
}


def store(path, result):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(result, indent=1) + "\n")


def choose(name, method, args):
    """Returns the index of the method's best setting on validation data."""
    _, solvers = METHODS[method]
    if len(solvers) == 1:
        return 0
    task = TASKS[name]
    path = pathlib.Path(args.out) / name / "chosen" / f"{method}.json"

    if path.exists():
        return json.loads(path.read_text())["chosen"]
    images = task.images(args.data_dir, validation=True)
    model, dense = trial.dense_weights(task, images, 0, args.models_dir)
    rate, epochs = task.rates[1], task.epochs[0]
    accuracies = [
        trial.prune(
            task, images, model, dense, method, solver, rate, epochs, seed=0
        )["pruned"]
        for solver in solvers
    ]
    chosen = max(range(len(solvers)), key=accuracies.__getitem__)
    store(
        path,
        {
            "settings": [repr(solver) for solver in solvers],
            "validation": accuracies,
            "chosen": chosen,
        },
    )
    return chosen


def run_seed(name, seed, args):
    """Runs every method of a task on one seed."""
    task = TASKS[name]
    chosen = {method: choose(name, method, args) for method in args.methods}
    images = model = dense = None
    for epochs in args.epochs or task.epochs:
        for rate in args.rates or task.rates:
            for method in args.methods:
                solver = METHODS[method][1][chosen[method]]
                key = f"{method}_{rate}_{epochs}_{seed}"
                path = pathlib.Path(args.out) / name / f"{key}.json"
                if path.exists():
                    continue
                if images is None:
                    images = task.images(args.data_dir)
                    model, dense = trial.dense_weights(
                        task, images, seed, args.models_dir
                    )
                    weights = b"".join(w.tobytes() for w in dense)
                about = {
                    "task": name,
                    "method": method,
                    "setting": repr(solver),
                    "rate": rate,
                    "epochs": epochs,
                    "seed": seed,
                    "backend": keras.config.backend(),
                    "dense_weights": hashlib.sha256(weights).hexdigest()[:16],
                }
                result = trial.prune(
                    task,
                    images,
                    model,
                    dense,
                    method,
                    solver,
                    rate,
                    epochs,
                    seed,
                )
                store(path, about | result)
                print(f"{name} {key} {result['pruned']:.2f}", flush=True)


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--suite", choices=SUITES, default="fast")
    parser.add_argument("--task", choices=TASKS, action="append")
    parser.add_argument("--data-dir", help="folder of the data sets")
    parser.add_argument("--models-dir", help="folder of pretrained models")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--methods", nargs="+", default=list(METHODS))
    parser.add_argument("--rates", type=float, nargs="+")
    parser.add_argument("--epochs", type=int, nargs="+")
    parser.add_argument("--out", default="benchmarks/results/quality")
    parser.add_argument("--only-render", action="store_true")
    args = parser.parse_args(argv)
    names = args.task or SUITES[args.suite]
    if not args.only_render:
        for name in names:
            for seed in args.seeds:
                run_seed(name, seed, args)
    table.render(pathlib.Path(args.out))


if __name__ == "__main__":
    main()
