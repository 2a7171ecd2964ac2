"""Suites: tasks, methods and seeds that run together."""

import dataclasses

from benchmarks.quality import ablation
from benchmarks.quality import convergence
from benchmarks.quality import defaults
from benchmarks.quality import every_method
from benchmarks.quality import few_epochs
from benchmarks.quality import gpu
from benchmarks.quality import report
from benchmarks.quality import robustness
from benchmarks.quality import start_and_teacher
from benchmarks.quality import tasks
from benchmarks.quality import teacher
from benchmarks.quality.method_settings import CONSTANT_ADMM
from benchmarks.quality.method_settings import METHODS
from benchmarks.quality.method_settings import VARIANTS

TASKS = (
    tasks.TASKS
    | gpu.TASKS
    | robustness.TASKS
    | convergence.TASKS
    | few_epochs.TASKS
    | defaults.TASKS
    | ablation.TASKS
    | teacher.TASKS
    | start_and_teacher.TASKS
    | every_method.TASKS
)
# SLR with its default arguments, and all other methods.
ALL = tuple(method for method in METHODS if method not in VARIANTS)
# Methods with penalties or growing masks, without one-shot pruning.
TUNED = ("slr", "gmp", "admm", "greg_1", "greg_2")


@dataclasses.dataclass(frozen=True)
class Suite:
    """Runs that one command starts.

    Attributes:
        tasks: Tuple of strings, keys of `TASKS`.
        methods: Tuple of strings, keys of `METHODS`, or a dict of tuples by
            task.
        seeds: Tuple of integers.
        folder: String, folder of the results in `benchmarks/results`.
        render: Function of this folder that writes its `README.md`.
        allocation: String or `None`, see `Task`; `None` is the default of
            the library. Defaults to `"erk"`, which was that default when the
            results of these suites were stored.
    """

    tasks: tuple
    methods: tuple | dict = ALL
    seeds: tuple = (0, 1, 2)
    folder: str = "quality"
    render: object = report.render
    allocation: str | None = "erk"

    def methods_of(self, task):
        """Returns the methods that run on a task."""
        if isinstance(self.methods, dict):
            return self.methods.get(task, ())
        return self.methods


SUITES = {
    "fast": Suite(("lenet_300_100_mnist", "lenet_5_fashion_mnist")),
    "full": Suite(tuple(tasks.TASKS)),
    "gpu": Suite(tuple(gpu.TASKS), TUNED, seeds=(0,)),
    "robustness": Suite(
        tuple(robustness.TASKS),
        TUNED,
        folder="robustness",
        render=report.render_cases,
    ),
    "defaults": Suite(
        defaults.CASES,
        defaults.METHODS,
        seeds=(0,),
        folder="defaults",
        render=report.render_defaults,
        allocation=None,
    ),
    "ablation": Suite(
        tuple(ablation.TASKS),
        ablation.METHODS,
        seeds=(0, 1),
        folder="ablation",
        render=report.render_ablation,
        allocation=None,
    ),
    "teacher": Suite(
        tuple(teacher.TASKS),
        teacher.METHODS,
        folder="teacher",
        render=report.render_teacher,
        allocation=None,
    ),
    "convergence": Suite(
        tuple(convergence.TASKS),
        ("slr", "admm", CONSTANT_ADMM),
        folder="convergence",
        render=report.render_lengths,
    ),
    "methods": Suite(
        tuple(every_method.SUITE),
        every_method.SUITE,
        folder="methods",
        render=report.render_methods,
    ),
    "few_epochs": Suite(
        tuple(few_epochs.TASKS),
        few_epochs.METHODS,
        folder="few_epochs",
        render=report.render_few_epochs,
        allocation=None,
    ),
    "start_and_teacher": Suite(
        tuple(start_and_teacher.TASKS),
        start_and_teacher.METHODS,
        folder="start_and_teacher",
        render=report.render_start_and_teacher,
        allocation=None,
    ),
}
