"""A layer-wise start and a teacher, apart and together.

    KERAS_BACKEND=tensorflow python -m benchmarks.quality \
      --suite start_and_teacher ...

Rivals that have SLR's metric run beside them. Each rate is a task of its own,
because the learning rate that suits a method depends on the rate: where more
weights stay, fewer should move.
"""

import dataclasses

from benchmarks.quality.tasks import TASKS as NETS

METHODS = (
    "slr",
    "gmp_default",
    "gmp_metric",
    "admm_metric",
    "slr_taught",
    "slr_layerwise",
    "masked_layerwise",
    "slr_layerwise_taught",
    "masked_layerwise_taught",
)
_RATES = {"resnet_8": (0.8, 0.9, 0.95), "resnet_20": (0.8, 0.9)}
TASKS = {
    f"{net}_at_{rate * 100:.0f}": dataclasses.replace(
        NETS[f"{net}_cifar10"],
        # The first is the length of the runs that choose.
        epochs=(3, 10),
        rates=(rate,),
        finetune_epochs=0,
        learning_rates=(1e-3, 3e-3, 1e-2),
    )
    for net, rates in _RATES.items()
    for rate in rates
}
