"""Pruning in one epoch or three, from the dense or from pruned weights.

    KERAS_BACKEND=jax python -m benchmarks.quality --suite few_epochs ...

`prune_layerwise` can come first, on 1,024 training images. Each method gets the
learning rate that suits it best on validation rows.
"""

import dataclasses

from benchmarks.quality.tasks import TASKS as NETS

METHODS = ("slr", "gmp_default", "slr_layerwise", "masked_layerwise")
TASKS = {
    f"{net}_few_epochs": dataclasses.replace(
        NETS[f"{net}_cifar10"],
        epochs=(1, 3),
        rates=(0.8, 0.9, 0.95),
        finetune_epochs=0,
        learning_rates=(1e-3, 3e-3, 1e-2),
    )
    for net in ("resnet_8", "resnet_20")
}
