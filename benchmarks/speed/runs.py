"""What a whole pruning run costs, next to the same run without a callback.

`with compiling` is the ratio of whole runs of new models, `steps and updates`
that of the same runs without their first epoch, in which everything compiles.
ResNet-20 has dual updates as far apart as in ten epochs of CIFAR-10, and fewer
epochs.
"""

import dataclasses
import time
from collections.abc import Callable

import keras
import numpy as np

import keras_slr
from benchmarks import models
from benchmarks.speed.pairs import ratios
from benchmarks.speed.rows import row
from keras_slr import data

NAME = "runs"
BATCH = 128


@dataclasses.dataclass(frozen=True)
class Run:
    """A network and its run.

    Attributes:
        build: Function that returns the network.
        shape: Tuple of integers, shape of an input.
        examples: Integer, those of an epoch.
        epochs: Integer, the length of the run.
        interval: See `update_every`.
        limits: Tuple of the limits without and with compiling.
    """

    build: Callable
    shape: tuple[int, ...]
    examples: int
    epochs: int
    interval: int | None
    limits: tuple[float | None, float | None]


RUNS = {
    "lenet_300_100, 3 epochs": Run(
        models.lenet_300_100, (28, 28, 1), 60_000, 3, None, (None, 1.6)
    ),
    "lenet_300_100, 10 epochs": Run(
        models.lenet_300_100, (28, 28, 1), 60_000, 10, None, (1.15, None)
    ),
    "resnet_20, 3 epochs": Run(
        models.resnet_20, (32, 32, 3), 26 * BATCH, 3, 26, (1.05, None)
    ),
}


class Watch(keras.callbacks.Callback):
    """Times the epochs after the first one."""

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 1:
            self._start = time.perf_counter()

    def on_train_end(self, logs=None):
        self.seconds = time.perf_counter() - self._start


def rows(options):
    """Yields the rows of one run after another."""
    for name in options.chosen(RUNS):
        run = RUNS[name]
        x, y = _examples(run, options.data_dir)
        pairs = [
            (
                _seconds(run, x, y),
                _seconds(
                    run,
                    x,
                    y,
                    keras_slr.SLRCallback(0.9, update_every=run.interval),
                ),
            )
            for _ in range(options.count(5))
        ]
        plain, pruning = zip(*pairs)
        quantities = "steps and updates", "with compiling"
        for quantity, limit, before, after in zip(
            quantities, run.limits, zip(*plain), zip(*pruning)
        ):
            yield row(
                name,
                "SLR",
                f"times a plain run, {quantity}",
                ratios(after, before),
                limit,
                margin=None if limit is None else limit - 1,
            )


def _seconds(run, x, y, *callbacks):
    """Returns the seconds of the later epochs, and of the whole run."""
    _forget_compiled()
    keras.utils.set_random_seed(0)
    model = run.build()
    model.compile(
        keras.optimizers.Adam(1e-3),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    watch = Watch()
    start = time.perf_counter()
    model.fit(
        x,
        y,
        batch_size=BATCH,
        epochs=run.epochs,
        verbose=0,
        callbacks=[*callbacks, watch],
    )
    return watch.seconds, time.perf_counter() - start


def _forget_compiled():
    keras.backend.clear_session()
    if keras.config.backend() == "jax":
        import jax

        jax.clear_caches()


def _examples(run, data_dir):
    """Returns MNIST if it is there, or random images with as many zeros."""
    if data_dir is not None and run.shape == (28, 28, 1):
        images = data.load("mnist", data_dir)
        return images.x_train[: run.examples], images.y_train[: run.examples]
    rng = np.random.default_rng(0)
    x = rng.standard_normal((run.examples, *run.shape), dtype="float32")
    x *= rng.random(run.shape, "float32") < 0.2
    return x, rng.integers(0, 10, size=len(x))
