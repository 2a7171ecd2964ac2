"""Every method on the same weights, batches, steps and learning rates.

    KERAS_BACKEND=jax python -m benchmarks.quality --data-dir DATA
    KERAS_BACKEND=jax python -m benchmarks.quality --suite robustness ...

First the settings of the rivals are chosen, on validation rows taken from
the training data, seed 0, at the second of the task's rates and the shortest
of its runs. Then every method runs on each rate, length and seed, and the
test accuracy is measured. Each run is one file; runs whose file is there are
not repeated, so that an interrupted suite goes on where it was, and the same
command started several times at once shares the runs out. Dense weights that
were trained, and scores on validation rows, are kept in `--cache`.
"""

import argparse
import functools
import pathlib

import keras

from benchmarks.quality import trial
from benchmarks.quality.jobs import Job
from benchmarks.quality.jobs import digest
from benchmarks.quality.jobs import work
from benchmarks.quality.methods import METHODS
from benchmarks.quality.start import begin
from benchmarks.quality.suites import SUITES
from benchmarks.quality.suites import TASKS


class Jobs:
    """The runs of one task as jobs.

    Args:
        name: String, key of `TASKS`.
        args: What the command was called with.
    """

    def __init__(self, name, args):
        self._name = name
        self._task = _task(name, args.steps_per_execution)
        self._args = args
        self._out = pathlib.Path(args.out) / name

    def all(self):
        """Returns all of them, what others need first."""
        args, task = self._args, self._task
        settings, choices, runs = [], {}, []
        for method in args.methods:
            if len(METHODS[method][1]) > 1:
                scores, choices[method] = self._choice(method)
                settings += scores
        for seed in args.seeds:
            for epochs in args.epochs or task.epochs:
                for rate in args.rates or task.rates:
                    runs += [
                        self._run(
                            method, choices.get(method), rate, epochs, seed
                        )
                        for method in args.methods
                    ]
        if all(run.done for run in runs):
            return []
        return settings + list(choices.values()) + runs

    def _choice(self, method):
        """Returns jobs that score settings, and the one that chooses."""
        _, solvers = METHODS[method]
        path = self._out / "chosen" / f"{method}.json"
        if path.exists():
            return [], Job(path, None)
        rate, epochs = self._task.rates[:2][-1], self._task.epochs[0]

        def score(solver):
            start = self._begin(0, validation=True)
            return {"score": trial.score(start, method, solver, rate, epochs)}

        folder = pathlib.Path(self._args.cache) / "settings" / self._name

        def path_of(solver):
            # A score is of all this: others must not be taken for it.
            scored = (
                keras.config.backend(),
                self._task.training,
                method,
                solver,
                rate,
                epochs,
            )
            return folder / f"{digest(repr(scored).encode())}.json"

        scores = [
            Job(path_of(solver), functools.partial(score, solver))
            for solver in solvers
        ]

        def choose():
            found = [job.read()["score"] for job in scores]
            return {
                "settings": [repr(solver) for solver in solvers],
                "validation": found,
                "chosen": max(range(len(solvers)), key=found.__getitem__),
            }

        return scores, Job(path, choose, tuple(scores))

    def _run(self, method, choice, rate, epochs, seed):
        key = f"{method}_{rate}_{epochs}_{seed}"

        def run():
            start = self._begin(seed)
            chosen = choice.read()["chosen"] if choice else 0
            solver = METHODS[method][1][chosen]
            about = {
                "task": self._name,
                "method": method,
                "setting": repr(solver),
                "rate": rate,
                "epochs": epochs,
                "seed": seed,
                "backend": keras.config.backend(),
                "dense_weights": start.digest,
                "steps_per_execution": self._args.steps_per_execution,
            }
            result = trial.run(start, method, solver, rate, epochs)
            print(f"{self._name} {key} {result['pruned']:.2f}", flush=True)
            return about | result

        after = (choice,) if choice else ()
        return Job(self._out / f"{key}.json", run, after)

    def _begin(self, seed, validation=False):
        args = self._args
        return _start(
            self._name,
            seed,
            validation,
            args.data_dir,
            args.models_dir,
            args.cache,
            args.steps_per_execution,
        )


def _task(name, steps_per_execution):
    return TASKS[name].with_steps_per_execution(steps_per_execution)


# Models and images of the last one alone: they are large.
@functools.lru_cache(maxsize=1)
def _start(
    name, seed, validation, data_dir, models_dir, cache, steps_per_execution
):
    task = _task(name, steps_per_execution)
    images = task.images(data_dir, validation)
    return begin(task, images, seed, models_dir, cache)


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
    parser.add_argument(
        "--steps-per-execution",
        type=int,
        default=1,
        help="training steps in one call of Keras: faster on a GPU, but "
        "penalties and masks move between calls; not on PyTorch",
    )
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
    args.seeds = args.seeds or suite.seeds
    if not args.only_render:
        tasks = [Jobs(name, args) for name in args.task or suite.tasks]
        work([job for task in tasks for job in task.all()])
    suite.render(pathlib.Path(args.out))


if __name__ == "__main__":
    main()
