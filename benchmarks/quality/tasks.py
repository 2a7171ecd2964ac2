"""What is pruned: a model, its data and how it is trained."""

import dataclasses
import pathlib

import keras
import numpy as np

from benchmarks import models
from keras_slr import data

# Images that settings are chosen on; part of the training data.
VALIDATION = 5000


@dataclasses.dataclass(frozen=True)
class Task:
    """One model on one data set.

    Attributes:
        build: Function of a folder with models that returns a model.
        dataset: String, a name that `keras_slr.data` knows.
        prepare: Function of images in `[0, 1]` that returns inputs.
        dense_epochs: Integer, epochs of dense training before pruning, zero
            for a pretrained model.
        optimizer: String, `"adam"` or `"sgd"` (Nesterov momentum 0.9).
        learning_rate: Float.
        decay: Boolean, whether the rate falls to zero as half a cosine over
            the pruning run; it is constant otherwise.
        batch: Integer.
        epochs: Tuple of integers, lengths of the pruning runs.
        rates: Tuple of floats.
        finetune_epochs: Integer, masked training after the run.
    """

    build: object
    dataset: str
    prepare: object
    dense_epochs: int
    optimizer: str
    learning_rate: float
    decay: bool
    batch: int
    epochs: tuple
    rates: tuple
    finetune_epochs: int = 1

    def images(self, data_dir, validation=False):
        """Returns `keras_slr.data.Data` of inputs.

        Args:
            data_dir: Folder of the data sets.
            validation: Boolean, whether the last `VALIDATION` training images
                take the place of the test data.
        """
        images = data.load(self.dataset, data_dir)
        x, y = self.prepare(images.x_train), images.y_train
        if validation:
            return data.Data(
                x[:-VALIDATION],
                y[:-VALIDATION],
                x[-VALIDATION:],
                y[-VALIDATION:],
            )
        return data.Data(x, y, self.prepare(images.x_test), images.y_test)

    def compile(self, model, steps=None):
        """Compiles a model for `steps` training steps."""
        rate = self.learning_rate
        if steps and self.decay:
            rate = keras.optimizers.schedules.CosineDecay(rate, steps)
        if self.optimizer == "sgd":
            optimizer = keras.optimizers.SGD(rate, momentum=0.9, nesterov=True)
        else:
            optimizer = keras.optimizers.Adam(rate)
        model.compile(
            optimizer,
            keras.losses.SparseCategoricalCrossentropy(
                from_logits=not _ends_in_softmax(model)
            ),
            metrics=["accuracy"],
        )


def _ends_in_softmax(model):
    activation = getattr(model.layers[-1], "activation", None)
    return activation is keras.activations.softmax


def _as_is(x):
    return x


def _times_255(x):
    return x * np.float32(255)


def _normalised(x):
    mean = np.array([0.485, 0.456, 0.406], "float32")
    return (x - mean) / np.array([0.229, 0.224, 0.225], "float32")


def _untrained(build):
    return lambda models_dir: build()


def _resnet_8(models_dir):
    folder = pathlib.Path(models_dir) / "mlperf-tiny/image_classification"
    return keras.models.load_model(
        folder / "pretrainedResnet.h5", compile=False
    )


def _resnet_20(models_dir):
    path = pathlib.Path(models_dir) / "cifar10-resnet/resnet20.npz"
    return models.load_torch_weights(models.resnet_for_cifar(3), np.load(path))


_LENET = {
    "prepare": _as_is,
    "dense_epochs": 10,
    "optimizer": "adam",
    "learning_rate": 1e-3,
    "decay": False,
    "batch": 128,
}
_CIFAR = {
    "dataset": "cifar10",
    "dense_epochs": 0,
    "optimizer": "adam",
    "learning_rate": 1e-3,
    "decay": True,
    "batch": 128,
    "rates": (0.8, 0.9, 0.95),
    "epochs": (10,),
}
TASKS = {
    "lenet_300_100_mnist": Task(
        build=_untrained(models.lenet_300_100),
        dataset="mnist",
        epochs=(3, 10, 30),
        rates=(0.9, 0.95, 0.98, 0.99),
        **_LENET,
    ),
    "lenet_5_fashion_mnist": Task(
        build=_untrained(models.lenet_5),
        dataset="fashion_mnist",
        epochs=(3, 10),
        rates=(0.9, 0.95, 0.98),
        **_LENET,
    ),
    "resnet_8_cifar10": Task(build=_resnet_8, prepare=_times_255, **_CIFAR),
    "resnet_20_cifar10": Task(build=_resnet_20, prepare=_normalised, **_CIFAR),
}
