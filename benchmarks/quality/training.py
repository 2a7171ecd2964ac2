"""Optimizer, learning rate and batches of a training."""

import dataclasses
import functools

import keras

from benchmarks.quality.augment import Augmented

OPTIMIZERS = {
    "adam": keras.optimizers.Adam,
    "adamw": keras.optimizers.AdamW,
    "lion": keras.optimizers.Lion,
    "rmsprop": keras.optimizers.RMSprop,
    "sgd": functools.partial(keras.optimizers.SGD, momentum=0.9, nesterov=True),
}


@dataclasses.dataclass(frozen=True)
class Training:
    """Optimizer, learning rate and batches of a training.

    Attributes:
        optimizer: String, key of `OPTIMIZERS`. Defaults to `"adam"`.
        learning_rate: Float. Defaults to `1e-3`.
        decay: Boolean, whether the learning rate has cosine decay to zero;
            otherwise it is constant. Defaults to `False`.
        batch: Integer. Defaults to `128`.
        augment: Boolean, whether the inputs are images to crop and flip at
            random. Defaults to `False`.
        weight_decay: Float, argument of the optimizer. Defaults to `None`,
            the optimizer's default.
        steps_per_execution: Integer, argument of `compile`. Penalties and
            masks change between executions. Defaults to `1`.
    """

    optimizer: str = "adam"
    learning_rate: float = 1e-3
    decay: bool = False
    batch: int = 128
    augment: bool = False
    weight_decay: float | None = None
    steps_per_execution: int = 1

    def steps(self, images):
        """Returns the number of steps per epoch."""
        return -(-len(images.x_train) // self.batch)

    def make_optimizer(self, steps):
        """Returns a new optimizer for a training of so many steps."""
        rate = self.learning_rate
        if self.decay:
            rate = keras.optimizers.schedules.CosineDecay(rate, steps)
        options = {}
        if self.weight_decay is not None:
            options["weight_decay"] = self.weight_decay
        return OPTIMIZERS[self.optimizer](rate, **options)

    def fit(self, model, images, epochs, callbacks=(), **kwargs):
        """Trains a compiled model and returns the history.

        `keras.utils.set_random_seed` determines the order of the batches.
        """
        x, y = images.x_train, images.y_train
        if self.augment:
            batches = {"x": Augmented(x, y, self.batch), "shuffle": False}
        else:
            batches = {"x": x, "y": y, "batch_size": self.batch}
        return model.fit(
            **batches,
            epochs=epochs,
            verbose=0,
            callbacks=list(callbacks),
            **kwargs,
        ).history
