"""Every method without arguments.

    KERAS_BACKEND=jax python -m benchmarks.quality --suite defaults ...

The cases are those of the robustness suite, in which the settings of the other
methods are chosen for each case, and an MLP-Mixer. `--methods` adds methods
with chosen settings.
"""

import functools

from benchmarks import token_models
from benchmarks.quality import robustness
from benchmarks.quality.method_settings import DEFAULTS
from benchmarks.quality.task import Task
from benchmarks.quality.tasks import untrained

METHODS = ("slr", *DEFAULTS, "one_shot_first")
TASKS = {
    "mixer_fashion_mnist": Task(
        build=untrained(
            functools.partial(
                token_models.mixer, shape=(28, 28, 1), patch=7, blocks=2
            )
        ),
        dataset="fashion_mnist",
        dense_epochs=5,
        epochs=(3,),
        rates=(0.8, 0.9),
        finetune_epochs=0,
    ),
}
CASES = (*TASKS, *robustness.TASKS)
