"""How accuracy depends on the number of epochs.

    KERAS_BACKEND=jax python -m benchmarks.quality --suite convergence ...

ResNet-8 at 90 %, in separate runs of one to ten epochs. The schedules and
learning rates of a run end with it. Settings are chosen for the longest run.
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
