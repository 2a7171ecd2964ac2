"""SLR with its default arguments on many models and optimizers.

    KERAS_BACKEND=jax python -m benchmarks.quality --suite robustness ...

Each case trains a dense model with Adam at 1e-3, then prunes it with its own
optimizer, learning rate and number of epochs. SLR always runs with its default
arguments; the settings of the other methods are chosen for each case. With
three seeds this takes 29 runs per case and four dense trainings per model.
"""

import dataclasses
import functools

from benchmarks import models
from benchmarks import token_models
from benchmarks.quality.task import Task
from benchmarks.quality.tasks import TASKS as NETS
from benchmarks.quality.tasks import untrained
from benchmarks.quality.training import Training
from examples import missing_words

# With few images, only small batches give batch norms enough steps.
_DIGITS = Training(batch=32)
_BASES = {
    "lenet_300_100": NETS["lenet_300_100_mnist"],
    "lenet_5": NETS["lenet_5_fashion_mnist"],
    "digits_convolutions": Task(
        build=untrained(models.digits_convolutions),
        dataset="digits",
        dense=_DIGITS,
        dense_epochs=20,
        training=_DIGITS,
    ),
    "digits_attention": Task(
        build=untrained(token_models.digits_attention),
        dataset="digits",
        dense=_DIGITS,
        dense_epochs=20,
        training=_DIGITS,
    ),
    "autoencoder": Task(
        build=untrained(models.autoencoder),
        dataset="mnist_pixels",
        dense_epochs=10,
        regression=True,
    ),
    "friedman": Task(
        build=untrained(models.regressor),
        dataset="friedman",
        dense_epochs=30,
        regression=True,
    ),
    "sentence_convolutions": Task(
        build=untrained(token_models.sentence_convolutions),
        dataset="sentences",
        dense_epochs=20,
    ),
    "missing_words": Task(
        build=untrained(
            functools.partial(
                token_models.sentence_convolutions,
                missing_words.WORDS,
                missing_words.LENGTH,
            )
        ),
        dataset="missing_words",
        dense_epochs=5,
    ),
}
# Base task, optimizer, learning rate, epochs, pruning rate.
_CASES = (
    ("lenet_300_100", "adam", 1e-4, 3, 0.95),
    ("lenet_300_100", "adam", 1e-3, 3, 0.98),
    ("lenet_300_100", "adam", 1e-2, 3, 0.95),
    ("lenet_300_100", "adam", 1e-3, 10, 0.98),
    ("lenet_300_100", "sgd", 1e-2, 3, 0.95),
    ("lenet_300_100", "sgd", 1e-1, 3, 0.98),
    ("lenet_300_100", "adamw", 1e-3, 3, 0.95),
    ("lenet_300_100", "rmsprop", 1e-3, 3, 0.95),
    ("lenet_300_100", "lion", 1e-4, 3, 0.95),
    ("lenet_5", "adam", 1e-3, 3, 0.95),
    ("digits_convolutions", "adam", 1e-3, 30, 0.9),
    ("digits_convolutions", "sgd", 1e-2, 10, 0.9),
    ("autoencoder", "adam", 1e-3, 3, 0.9),
    ("friedman", "adam", 1e-3, 30, 0.95),
    ("friedman", "sgd", 1e-3, 10, 0.9),
    ("sentence_convolutions", "adam", 1e-3, 10, 0.9),
    ("missing_words", "adam", 1e-3, 3, 0.9),
    ("digits_attention", "adamw", 1e-3, 10, 0.8),
)


def _case(base, optimizer, learning_rate, epochs, rate):
    task = _BASES[base]
    return dataclasses.replace(
        task,
        training=dataclasses.replace(
            task.training, optimizer=optimizer, learning_rate=learning_rate
        ),
        epochs=(epochs,),
        rates=(rate,),
        finetune_epochs=0,
    )


TASKS = {
    f"{case[0]}_{case[1]}_{case[2]:g}_{case[3]}": _case(*case)
    for case in _CASES
}
