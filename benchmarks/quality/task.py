"""What is pruned: a model, its data and how it is trained."""

import dataclasses
import math

import keras
import numpy as np

from benchmarks.quality import datasets
from benchmarks.quality.training import Training
from keras_slr import data

# Rows that settings are chosen on, of the training data; of a small data set
# a fifth.
VALIDATION = 5000


def as_is(x):
    return x


@dataclasses.dataclass(frozen=True)
class Task:
    """One model on one data set.

    Attributes:
        build: Function of a folder with models that returns a model.
        dataset: String, a name that `datasets.load` knows.
        epochs: Tuple of integers, lengths of the pruning runs. Defaults to
            none.
        rates: Tuple of floats. Defaults to none.
        prepare: Function of the data's inputs that returns the model's.
            Defaults to `as_is`.
        dense: `Training` before pruning. Defaults to that of the class.
        dense_epochs: Integer, zero for a pretrained model. Defaults to `0`.
        training: `Training` of the pruning run and after it. Defaults to
            that of the class.
        regression: Boolean, whether the mean squared error is trained and
            the variance explained is measured; else classes are told.
            Defaults to `False`.
        finetune_epochs: Integer, masked training after the run. Defaults to
            `1`.
        structure: `keras_slr.structures.Structure` that every method prunes
            in. Defaults to `None`, single entries.
    """

    build: object
    dataset: str
    epochs: tuple = ()
    rates: tuple = ()
    prepare: object = as_is
    dense: Training = Training()
    dense_epochs: int = 0
    training: Training = Training()
    regression: bool = False
    finetune_epochs: int = 1
    structure: object = None

    @property
    def metric(self):
        """Name of what is measured, in the logs of Keras."""
        return "mse" if self.regression else "accuracy"

    def with_steps_per_execution(self, steps):
        """Returns this task with so many steps in a call, when it prunes."""
        training = dataclasses.replace(self.training, steps_per_execution=steps)
        return dataclasses.replace(self, training=training)

    def images(self, data_dir, validation=False):
        """Returns `keras_slr.data.Data` of inputs.

        Args:
            data_dir: Folder of the data sets.
            validation: Boolean, whether the last training rows take the
                place of the test data, see `VALIDATION`.
        """
        images = datasets.load(self.dataset, data_dir)
        x, y = self.prepare(images.x_train), images.y_train
        if validation:
            held = min(VALIDATION, len(x) // 5)
            return data.Data(x[:-held], y[:-held], x[-held:], y[-held:])
        return data.Data(x, y, self.prepare(images.x_test), images.y_test)

    def compile(self, model, training, steps=1):
        """Compiles a model to be trained as `training` says."""
        if self.regression:
            loss = "mse"
        else:
            loss = keras.losses.SparseCategoricalCrossentropy(
                from_logits=not _ends_in_softmax(model)
            )
        model.compile(
            training.make_optimizer(steps),
            loss,
            metrics=[self.metric],
            steps_per_execution=training.steps_per_execution,
        )

    def percent(self, value, images):
        """Returns what is measured in percent of the best there is.

        Args:
            value: Float, of `metric`.
            images: Data whose test part it is of.

        Returns:
            Float: right answers, or variance explained, of which less than
            none counts as none.
        """
        if self.regression:
            value = 1.0 - value / float(np.var(images.y_test, axis=0).mean())
        # A model that has diverged explains nothing either.
        return 100.0 * max(value, 0.0) if math.isfinite(value) else 0.0


def _ends_in_softmax(model):
    activation = getattr(model.layers[-1], "activation", None)
    return activation is keras.activations.softmax
