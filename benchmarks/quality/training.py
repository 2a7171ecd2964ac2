"""How weights are trained."""

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
    """How weights are trained.

    Attributes:
        optimizer: String, key of `OPTIMIZERS`. Defaults to `"adam"`.
        learning_rate: Float. Defaults to `1e-3`.
        decay: Boolean, whether the rate falls to zero as half a cosine; it
            is constant otherwise. Defaults to `False`.
        batch: Integer. Defaults to `128`.
        augment: Boolean, whether the inputs are images that are cropped and
            flipped at random. Defaults to `False`.
        weight_decay: Float, times the learning rate the share that weights
            lose at a step, or `None` for the optimizer's default. Defaults
            to `None`.
        steps_per_execution: Integer, steps that Keras takes in one call.
            Penalties and masks move between calls. Defaults to `1`.
    """

    optimizer: str = "adam"
    learning_rate: float = 1e-3
    decay: bool = False
    batch: int = 128
    augment: bool = False
    weight_decay: float | None = None
    steps_per_execution: int = 1

    def steps(self, images):
        """Returns the number of steps of an epoch."""
        return -(-len(images.x_train) // self.batch)

    def make_optimizer(self, steps):
        """Returns a new optimizer for a number of steps."""
        rate = self.learning_rate
        if self.decay:
            rate = keras.optimizers.schedules.CosineDecay(rate, steps)
        options = {}
        if self.weight_decay is not None:
            options["weight_decay"] = self.weight_decay
        return OPTIMIZERS[self.optimizer](rate, **options)

    def fit(self, model, images, epochs, callbacks=(), **kwargs):
        """Trains a compiled model, returns the history.

        The order of the batches follows `keras.utils.set_random_seed`.
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
