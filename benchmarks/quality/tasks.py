"""The tasks that a CPU can train."""

import dataclasses
import pathlib

import keras
import numpy as np

import keras_slr
from benchmarks import models
from benchmarks import token_models
from benchmarks.quality.task import Task
from benchmarks.quality.training import Training
from examples.models import pretrained


def _times_255(x):
    return x * np.float32(255)


def normalised(x):
    """Returns images as the pretrained residual networks expect them."""
    mean = np.array([0.485, 0.456, 0.406], "float32")
    return (x - mean) / np.array([0.229, 0.224, 0.225], "float32")


def untrained(build, *args):
    """Returns a builder for `Task` that needs no file."""
    return lambda models_dir: build(*args)


def _resnet_8(models_dir):
    folder = pathlib.Path(models_dir) / "mlperf-tiny/image_classification"
    return keras.models.load_model(
        folder / "pretrainedResnet.h5", compile=False
    )


def _resnet_20(models_dir):
    return pretrained.resnet(3, models_dir)


# As for the pretrained weights: without crops and flips, the networks overfit.
AUGMENTED = Training(decay=True, augment=True)
# The best of 1e-3, 3e-3 and 1e-2 on validation rows, both for SLR and for the
# best other method; for filters, for the better of the two.
_FASTER = dataclasses.replace(AUGMENTED, learning_rate=3e-3)
_FASTEST = dataclasses.replace(AUGMENTED, learning_rate=1e-2)
_CIFAR = {"dataset": "cifar10", "rates": (0.8, 0.9, 0.95)}
_WHOLE = {
    "dataset": "cifar10",
    "training": AUGMENTED,
    "epochs": (10,),
    "finetune_epochs": 0,
}
# Without convolutions, models need augmentation to learn from so few images.
_PATCHES = _CIFAR | {
    "prepare": normalised,
    "training": AUGMENTED,
    "dense": AUGMENTED,
    "dense_epochs": 20,
    "epochs": (5,),
}
TASKS = {
    "lenet_300_100_mnist": Task(
        build=untrained(models.lenet_300_100),
        dataset="mnist",
        epochs=(3, 10, 30),
        rates=(0.9, 0.95, 0.98, 0.99),
        dense_epochs=10,
    ),
    "lenet_5_fashion_mnist": Task(
        build=untrained(models.lenet_5),
        dataset="fashion_mnist",
        epochs=(3, 10),
        rates=(0.9, 0.95, 0.98),
        dense_epochs=10,
    ),
    "resnet_8_cifar10": Task(
        build=_resnet_8,
        prepare=_times_255,
        training=_FASTEST,
        epochs=(10,),
        **_CIFAR,
    ),
    "resnet_20_cifar10": Task(
        build=_resnet_20,
        prepare=normalised,
        training=_FASTER,
        epochs=(3, 10),
        finetune_epochs=0,
        **_CIFAR | {"rates": (0.8, 0.9)},
    ),
    # Rates that leave half and a third of the multiplications.
    "resnet_20_filters": Task(
        build=_resnet_20,
        prepare=normalised,
        rates=(0.3, 0.43),
        structure=keras_slr.Filter(),
        **_WHOLE | {"training": _FASTER},
    ),
    "resnet_8_two_of_four": Task(
        build=_resnet_8,
        prepare=_times_255,
        rates=(0.5,),
        structure=keras_slr.NM(2, 4),
        **_WHOLE,
    ),
    "mixer_cifar10": Task(build=untrained(token_models.mixer), **_PATCHES),
    "vit_cifar10": Task(build=untrained(token_models.vit), **_PATCHES),
}
