"""Tasks: a model, its data and its training."""

import dataclasses
import math

import keras
import numpy as np

from benchmarks.quality import datasets
from benchmarks.quality.training import Training
from keras_slr import data

# Training rows held out to choose settings, at most a fifth of the data set.
VALIDATION = 5000


def as_is(x):
    return x


@dataclasses.dataclass(frozen=True)
class Task:
    """One model on one data set.

    Attributes:
        build: Function of a folder with models that returns a model.
        dataset: String, a name for `datasets.load`.
        epochs: Tuple of integers, lengths of the pruning runs. Defaults to
            none.
        rates: Tuple of floats. Defaults to none.
        prepare: Function from the inputs of the data to those of the model.
            Defaults to `as_is`.
        dense: `Training` before pruning. Defaults to `Training()`.
        dense_epochs: Integer, zero for a pretrained model. Defaults to `0`.
        training: `Training` during and after pruning. Defaults to
            `Training()`.
        regression: Boolean. If `True`, the loss is the mean squared error and
            the score the explained variance; if `False`, the cross-entropy
            and the accuracy. Defaults to `False`.
        finetune_epochs: Integer, epochs of masked training after the run.
            Defaults to `1`.
        structure: `keras_slr.structures.Structure` for all methods. Defaults
            to `None`, unstructured.
        of_parameters: Boolean, whether a rate is the share of all parameters
            that leaves, not of the entries or units. Defaults to `False`.
        allocation: String, how a rate is distributed over the layers if
            single entries are pruned. Defaults to `None`, the default of the
            library.
        learning_rates: Tuple of floats. One is chosen for each method, as
            its settings are. Defaults to none: that of `training`.
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
    of_parameters: bool = False
    allocation: str | None = None
    learning_rates: tuple = ()

    @property
    def metric(self):
        """Name of the metric in the logs of Keras."""
        return "mse" if self.regression else "accuracy"

    def with_steps_per_execution(self, steps):
        """Returns this task with other steps per execution in pruning."""
        training = dataclasses.replace(self.training, steps_per_execution=steps)
        return dataclasses.replace(self, training=training)

    def with_allocation(self, allocation):
        """Returns this task with another allocation of single entries."""
        if self.structure is not None:
            return self
        return dataclasses.replace(self, allocation=allocation)

    def with_learning_rate(self, rate):
        """Returns this task with another learning rate, unless `None`."""
        if rate is None:
            return self
        training = dataclasses.replace(self.training, learning_rate=rate)
        return dataclasses.replace(self, training=training)

    def images(self, data_dir, validation=False):
        """Returns `keras_slr.data.Data` of inputs.

        Args:
            data_dir: Folder of the data sets.
            validation: Boolean, whether the last training rows replace the
                test data, see `VALIDATION`. Defaults to `False`.
        """
        images = datasets.load(self.dataset, data_dir)
        x, y = self.prepare(images.x_train), images.y_train
        if validation:
            held = min(VALIDATION, len(x) // 5)
            return data.Data(x[:-held], y[:-held], x[-held:], y[-held:])
        return data.Data(x, y, self.prepare(images.x_test), images.y_test)

    def compile(self, model, training, steps=1):
        """Compiles a model for a `Training` with a number of steps."""
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
        """Returns a value of `metric` as a score in percent.

        Args:
            value: Float.
            images: `keras_slr.data.Data`, on whose test part it was measured.

        Returns:
            Float, the accuracy or the explained variance, at least zero.
        """
        if self.regression:
            value = 1.0 - value / float(np.var(images.y_test, axis=0).mean())
        # A diverged model explains nothing.
        return 100.0 * max(value, 0.0) if math.isfinite(value) else 0.0


def _ends_in_softmax(model):
    activation = getattr(model.layers[-1], "activation", None)
    return activation is keras.activations.softmax
