"""SLR without one of its parts, and its rivals with them.

    KERAS_BACKEND=jax python -m benchmarks.quality --suite ablation ...

Every method runs with its default arguments. Gradual magnitude, ADMM, GReg and
one-shot pruning also get the metric of Adam's mean squared gradients in which
SLR projects. Optimizers without these have no metric, so the tasks use Adam.
"""

import dataclasses

from benchmarks import models
from benchmarks.quality import defaults
from benchmarks.quality import robustness
from benchmarks.quality.method_settings import DEFAULTS
from benchmarks.quality.method_settings import IN_METRIC
from benchmarks.quality.method_settings import WITHOUT
from benchmarks.quality.task import Task
from benchmarks.quality.tasks import TASKS as NETS
from benchmarks.quality.tasks import untrained

METHODS = ("slr", *WITHOUT, *DEFAULTS, *IN_METRIC)


def _at(task: Task, *rates):
    return dataclasses.replace(task, rates=rates)


_of = robustness.TASKS | defaults.TASKS
_NETS = {
    "lenet_300_100": _at(_of["lenet_300_100_adam_0.001_3"], 0.95, 0.98),
    "lenet_5": _at(_of["lenet_5_adam_0.001_3"], 0.9, 0.95),
    "mixer": _at(_of["mixer_fashion_mnist"], 0.8, 0.9),
    "digits_convolutions": _at(
        _of["digits_convolutions_adam_0.001_30"], 0.9, 0.95
    ),
    "sentence_convolutions": _at(
        _of["sentence_convolutions_adam_0.001_10"], 0.9, 0.95
    ),
}
# The trial needs batch normalizations and at least 3,000 steps.
_NETS["lenet_300_100_normalized"] = Task(
    build=untrained(models.lenet_300_100_normalized),
    dataset="mnist",
    epochs=(8,),
    rates=(0.95, 0.98),
    dense_epochs=10,
    finetune_epochs=0,
)
_NETS["lenet_5_normalized"] = dataclasses.replace(
    _NETS["lenet_300_100_normalized"],
    build=untrained(models.lenet_5_normalized),
    dataset="fashion_mnist",
)
_NETS["resnet_8"] = dataclasses.replace(
    NETS["resnet_8_cifar10"], epochs=(8,), rates=(0.8, 0.95), finetune_epochs=0
)
TASKS = {f"ablation_{name}": task for name, task in _NETS.items()}
