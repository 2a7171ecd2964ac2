"""How long a run has to be for as good a net.

    KERAS_BACKEND=jax python -m benchmarks.quality --suite convergence ...

ResNet-8 at 90 %, in runs of one to ten epochs. Each is a run of its own, whose
schedules and learning rates end with it. Settings are chosen for the longest.
"""

import dataclasses

from benchmarks.quality.tasks import TASKS as NETS

TASKS = {
    "resnet_8_lengths": dataclasses.replace(
        NETS["resnet_8_cifar10"],
        epochs=(10, 5, 3, 2, 1),
        rates=(0.9,),
        finetune_epochs=0,
    )
}
