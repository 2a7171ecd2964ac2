"""The dense weights that every method starts from."""

import dataclasses
import pathlib

import keras
import numpy as np

from benchmarks.quality.jobs import claimed
from benchmarks.quality.jobs import digest
from benchmarks.quality.task import Task
from keras_slr.data import Data


@dataclasses.dataclass(frozen=True, eq=False)
class Start:
    """What every run of a task and seed begins with.

    Attributes:
        task: `Task`.
        images: `keras_slr.data.Data` of inputs.
        model: Compiled Keras model.
        weights: List of NumPy arrays, its dense weights.
        seed: Integer.
    """

    task: Task
    images: Data
    model: keras.Model
    weights: list
    seed: int

    @property
    def digest(self):
        """String by which the weights are told from others."""
        return digest(b"".join(w.tobytes() for w in self.weights))

    def compile(self, epochs):
        """Compiles the model for a number of epochs."""
        training = self.task.training
        steps = training.steps(self.images) * epochs
        self.task.compile(self.model, training, steps)

    def fit(self, epochs, callbacks=(), **kwargs):
        """Trains the model as it was compiled, returns the history."""
        return self.task.training.fit(
            self.model, self.images, epochs, callbacks, **kwargs
        )

    def rewind(self, epochs):
        """Makes ready for a run from the dense weights, returns their score.

        The run that follows sees the same batches as every other.
        """
        self.model.set_weights(self.weights)
        self.compile(epochs)
        # Before the seed: in its first run a compiled model may look at data
        # once more than in others.
        score = self.score()
        keras.utils.set_random_seed(1000 + self.seed)
        return score

    def score(self):
        """Returns what the model gives on the test part, in percent."""
        logs = self.model.evaluate(
            self.images.x_test,
            self.images.y_test,
            batch_size=1000,
            verbose=0,
            return_dict=True,
        )
        return self.task.percent(logs[self.task.metric], self.images)


def begin(task, images, seed, models_dir=None, cache=None):
    """Returns the `Start` of a seed, trained if the task says so.

    Args:
        task: `Task`.
        images: `keras_slr.data.Data` of inputs.
        seed: Integer, of the first weights and of the order of batches.
        models_dir: Folder of pretrained models. Defaults to `None`.
        cache: Folder that trained weights are kept in, or `None`, the
            default, for none.
    """
    keras.utils.set_random_seed(seed)
    model = task.build(models_dir)
    if task.dense_epochs and cache is None:
        _train(task, model, images)
    elif task.dense_epochs:
        path = pathlib.Path(cache) / _name(task, images, seed, model)
        # Who comes second finds what the first has trained.
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
    """Returns a name that other weights do not have.

    Tasks that differ in how they prune have their dense weights in common.
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
    # Whole or not at all: a run may be stopped at any time.
    part = path.with_suffix(".part.npz")
    np.savez(part, *weights)
    part.replace(path)
