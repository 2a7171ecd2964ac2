"""Compares pruning on the labels with pruning on a dense teacher's outputs.

    KERAS_BACKEND=jax python -m benchmarks.quality --suite teacher ...

The teacher is the dense model that pruning starts from (`teacher="dense"`).
SLR and gradual magnitude run with their default arguments, at rates at which
the pruned model loses accuracy.
"""

import dataclasses

from benchmarks.quality import defaults
from benchmarks.quality import robustness
from benchmarks.quality.tasks import TASKS as NETS

METHODS = ("slr", "gmp_default", "slr_taught", "gmp_taught")
_RATES = {
    "lenet_300_100_adam_0.001_3": (0.98, 0.99),
    "lenet_5_adam_0.001_3": (0.95, 0.98),
    "digits_convolutions_adam_0.001_30": (0.95, 0.98),
    "digits_attention_adamw_0.001_10": (0.8, 0.9),
    "autoencoder_adam_0.001_3": (0.9, 0.95),
    "friedman_adam_0.001_30": (0.95, 0.98),
    "sentence_convolutions_adam_0.001_10": (0.9, 0.95),
    "missing_words_adam_0.001_3": (0.9, 0.95),
    "mixer_fashion_mnist": (0.8, 0.9),
}
_NETS = {
    name: dataclasses.replace(
        (robustness.TASKS | defaults.TASKS)[name], rates=rates
    )
    for name, rates in _RATES.items()
}
_NETS["resnet_8"] = dataclasses.replace(
    NETS["resnet_8_cifar10"],
    epochs=(1, 3),
    rates=(0.8, 0.95),
    finetune_epochs=0,
)
TASKS = {f"teacher_{name}": task for name, task in _NETS.items()}
