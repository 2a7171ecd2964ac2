"""The dense weights that every method starts from."""

import dataclasses
import pathlib

import keras
import numpy as np

from benchmarks.quality.jobs import claimed
from benchmarks.quality.jobs import digest
from benchmarks.quality.task import Task
from keras_slr.data import Data
from keras_slr_base.atomic_file import atomic_file


@dataclasses.dataclass(frozen=True, eq=False)
class Start:
    """What all runs of a task and seed start from.

    Attributes:
        task: `Task`.
        images: `keras_slr.data.Data` of inputs.
        model: Compiled Keras model.
        weights: List of NumPy arrays, the dense weights of the model.
        seed: Integer.
    """

    task: Task
    images: Data
    model: keras.Model
    weights: list
    seed: int

    @property
    def digest(self):
        """Hash of the dense weights, a string."""
        return digest(b"".join(w.tobytes() for w in self.weights))

    def compile(self, epochs):
        """Compiles the model for a number of epochs."""
        training = self.task.training
        steps = training.steps(self.images) * epochs
        self.task.compile(self.model, training, steps)

    def fit(self, epochs, callbacks=(), **kwargs):
        """Trains the compiled model and returns the history."""
        return self.task.training.fit(
            self.model, self.images, epochs, callbacks, **kwargs
        )

    def with_learning_rate(self, rate):
        """Returns this start with another learning rate, unless `None`."""
        task = self.task.with_learning_rate(rate)
        return dataclasses.replace(self, task=task)

    def dense(self):
        """Returns a copy of the dense model, a teacher."""
        copy = keras.models.clone_model(self.model)
        copy.set_weights(self.weights)
        return copy

    def rewind(self, epochs, prune=None):
        """Restores the dense weights and returns their score.

        The next run sees the same batches as every other run of this seed.

        Args:
            epochs: Integer.
            prune: Function of the model to call before the run. Defaults to
                `None`.
        """
        self.model.set_weights(self.weights)
        self.compile(epochs)
        # The seed is set after this first call of the compiled model, which may
        # read more data than later calls.
        score = self.score()
        if prune is not None:
            prune(self.model)
        keras.utils.set_random_seed(1000 + self.seed)
        return score

    def score(self):
        """Returns the score of the model on the test part, in percent."""
        logs = self.model.evaluate(
            self.images.x_test,
            self.images.y_test,
            batch_size=1000,
            verbose=0,
            return_dict=True,
        )
        return self.task.percent(logs[self.task.metric], self.images)


def begin(task, images, seed, models_dir=None, cache=None):
    """Returns the `Start` of a seed, and trains its model if necessary.

    Args:
        task: `Task`.
        images: `keras_slr.data.Data` of inputs.
        seed: Integer, for the initial weights and the order of the batches.
        models_dir: Folder of pretrained models. Defaults to `None`.
        cache: Folder that keeps trained weights. Defaults to `None`, no
            cache.
    """
    keras.utils.set_random_seed(seed)
    model = task.build(models_dir)
    if task.dense_epochs and cache is None:
        _train(task, model, images)
    elif task.dense_epochs:
        path = pathlib.Path(cache) / _name(task, images, seed, model)
        # Another process that waits here finds the trained weights.
        with claimed(path, wait=True):
            if not path.exists():
                _train(task, model, images)
                _save(path, model.get_weights())
        with np.load(path) as arrays:
            model.set_weights([arrays[name] for name in arrays.files])
    task.compile(model, task.training)
    return Start(task, images, model, model.get_weights(), seed)


def _train(task, model, images):
    steps = task.dense.steps(images) * task.dense_epochs
    task.compile(model, task.dense, steps)
    task.dense.fit(model, images, task.dense_epochs)


def _name(task, images, seed, model):
    """Returns a file name that depends on all that determines the weights.

    Tasks that differ only in how they prune share their dense weights.
    """
    made_by = (
        keras.config.backend(),
        task.prepare.__name__,
        task.dense,
        task.dense_epochs,
        images.x_train.shape,
        [w.shape for w in model.weights],
    )
    made = digest(repr(made_by).encode())
    return f"{model.name}_{task.dataset}_{seed}_{made}.npz"


def _save(path, weights):
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_file(path) as made:
        np.savez(made, *weights)
