"""All methods compared on the same weights, batches and learning rates.

    KERAS_BACKEND=jax python -m benchmarks.quality --data-dir DATA
    KERAS_BACKEND=jax python -m benchmarks.quality --suite robustness ...

First the settings of the other methods are chosen on validation rows taken
from the training data, with seed 0, at the task's second rate and its first
number of epochs. Then every method runs with each rate, number of epochs and
seed, and the test accuracy is measured.

Finished runs are not repeated: an interrupted suite resumes, and several
processes with the same command share the runs. The end of the suite merges
them into one file per task (see `benchmarks.quality.records`); to repeat a
run, delete its line there. `--cache` keeps trained dense weights and
validation scores.
"""

import argparse
import functools
import pathlib

import keras

from benchmarks.quality import records
from benchmarks.quality import trial
from benchmarks.quality.jobs import Job
from benchmarks.quality.jobs import claimed
from benchmarks.quality.jobs import digest
from benchmarks.quality.jobs import work
from benchmarks.quality.method_settings import METHODS
from benchmarks.quality.method_settings import settings_of
from benchmarks.quality.start import begin
from benchmarks.quality.suites import SUITES
from benchmarks.quality.suites import TASKS


class Jobs:
    """The runs of one task as jobs.

    Args:
        name: String, key of `TASKS`.
        methods: Tuple of strings, keys of `METHODS`.
        args: The parsed arguments of the command.
    """

    def __init__(self, name, methods, args):
        self._name = name
        self._methods = methods
        self._task = _task(name, args.suite, args.steps_per_execution)
        self._args = args
        folder = pathlib.Path(args.out)
        self._unmerged = folder / records.UNMERGED
        self._runs = records.read(folder, name)
        self._choices = records.read(folder, records.CHOSEN)

    def all(self):
        """Returns the jobs, each after those that it needs."""
        args, task = self._args, self._task
        settings, choices, runs = [], {}, []
        for method in self._methods:
            if len(settings_of(method, task)) > 1:
                scores, choices[method] = self._choice(method)
                settings += scores
        for seed in args.seeds:
            for epochs in args.epochs or task.epochs:
                for rate in args.rates or task.rates:
                    runs += [
                        self._run(
                            method, choices.get(method), rate, epochs, seed
                        )
                        for method in self._methods
                    ]
        if all(run.done for run in runs):
            return []
        return settings + list(choices.values()) + runs

    def _choice(self, method):
        """Returns the jobs that score settings and the job that chooses."""
        settings = settings_of(method, self._task)
        task = self._args.chosen_for or self._name
        path = self._unmerged / records.CHOSEN / f"{task}_{method}.json"
        merged = self._choices.get((task, method))
        chosen = Job(path, None, merged=merged)
        if chosen.done:
            return [], chosen
        if task != self._name:
            raise ValueError(
                f"Expected settings chosen for {task}. Received none for "
                f"{method}: run that task first."
            )
        rate, epochs = self._task.rates[:2][-1], self._task.epochs[0]

        def score(setting):
            start = self._begin(0, validation=True)
            return {"score": trial.score(start, method, setting, rate, epochs)}

        folder = pathlib.Path(self._args.cache) / "settings" / self._name

        def path_of(setting):
            # All that a score depends on.
            scored = (
                keras.config.backend(),
                self._task.training,
                self._task.allocation,
                method,
                setting,
                rate,
                epochs,
            )
            return folder / f"{digest(repr(scored).encode())}.json"

        scores = [
            Job(path_of(setting), functools.partial(score, setting))
            for setting in settings
        ]

        def choose():
            found = [job.read()["score"] for job in scores]
            return {
                "task": self._name,
                "method": method,
                "settings": [repr(setting) for setting in settings],
                "validation": found,
                "chosen": max(range(len(settings)), key=found.__getitem__),
            }

        return scores, Job(path, choose, tuple(scores))

    def _run(self, method, choice, rate, epochs, seed):
        name = f"{method}_{rate}_{epochs}_{seed}"

        def run():
            start = self._begin(seed)
            chosen = choice.read()["chosen"] if choice else 0
            setting = settings_of(method, self._task)[chosen]
            about = {
                "task": self._name,
                "method": method,
                "setting": repr(setting),
                "rate": rate,
                "epochs": epochs,
                "seed": seed,
                "backend": keras.config.backend(),
                "dense_weights": start.digest,
                "steps_per_execution": self._args.steps_per_execution,
            }
            result = trial.run(start, method, setting, rate, epochs)
            print(f"{self._name} {name} {result['pruned']:.2f}", flush=True)
            return about | result

        after = (choice,) if choice else ()
        return Job(
            self._unmerged / self._name / f"{name}.json",
            run,
            after,
            merged=self._runs.get((self._name, method, rate, epochs, seed)),
        )

    def _begin(self, seed, validation=False):
        args = self._args
        return _start(
            self._name,
            args.suite,
            seed,
            validation,
            args.data_dir,
            args.models_dir,
            args.cache,
            args.steps_per_execution,
        )


def _task(name, suite, steps_per_execution):
    task = TASKS[name].with_allocation(SUITES[suite].allocation)
    return task.with_steps_per_execution(steps_per_execution)


# Only the last one, since models and images are large.
@functools.lru_cache(maxsize=1)
def _start(
    name,
    suite,
    seed,
    validation,
    data_dir,
    models_dir,
    cache,
    steps_per_execution,
):
    task = _task(name, suite, steps_per_execution)
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
        help="training steps per execution: more are faster on a GPU, but "
        "penalties and masks change between executions; not on PyTorch",
    )
    parser.add_argument(
        "--chosen-for",
        choices=TASKS,
        help="take the settings that were chosen for this task",
    )
    parser.add_argument("--out", help="folder of the results")
    parser.add_argument(
        "--cache",
        default="build/dense",
        help="folder that keeps trained dense weights",
    )
    parser.add_argument("--only-render", action="store_true")
    args = parser.parse_args(argv)
    suite = SUITES[args.suite]
    args.out = args.out or f"benchmarks/results/{suite.folder}"
    args.seeds = args.seeds or suite.seeds
    out = pathlib.Path(args.out)
    if not args.only_render:
        with claimed(out, wait=True, shared=True):
            tasks = [
                Jobs(name, args.methods or suite.methods_of(name), args)
                for name in args.task or suite.tasks
            ]
            work([job for task in tasks for job in task.all()])
    records.merge(out)
    suite.render(out)


if __name__ == "__main__":
    main()
