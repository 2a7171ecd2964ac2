"""Data sets by name: those of `keras_slr.data`, generated ones and text."""

import dataclasses
import functools

import numpy as np

from examples import missing_words
from keras_slr import data

TEST = 2000
WORDS = 20
LENGTH = 16


# Loading takes longer than an epoch of a small model.
@functools.lru_cache(maxsize=1)
def load(name, data_dir):
    """Returns `keras_slr.data.Data`.

    Args:
        name: String, key of `MADE` or a name for `keras_slr.data.load`.
        data_dir: Folder of the data sets, or `None`.
    """
    if name in MADE:
        return MADE[name](data_dir)
    return data.load(name, data_dir)


def _mnist_pixels(data_dir):
    """MNIST with the pixels of each image as its target."""
    images = data.load("mnist", data_dir)
    return dataclasses.replace(
        images,
        y_train=images.x_train.reshape(len(images.x_train), -1),
        y_test=images.x_test.reshape(len(images.x_test), -1),
    )


def _friedman(data_dir):
    """Friedman's first regression problem (1991): five of ten inputs matter."""
    del data_dir
    rng = np.random.default_rng(0)
    x = rng.uniform(size=(12000, 10)).astype("float32")
    y = (
        10 * np.sin(np.pi * x[:, 0] * x[:, 1])
        + 20 * (x[:, 2] - 0.5) ** 2
        + 10 * x[:, 3]
        + 5 * x[:, 4]
        + rng.normal(size=len(x))
    )
    return _split(x, y.astype("float32")[:, None])


def _sentences(data_dir):
    """Markov chains of words, labelled by which of ten authors wrote them.

    An author's transition probabilities mix their own with common ones. A
    classifier that knows these probabilities is right in 91 % of the cases.
    """
    del data_dir
    rng = np.random.default_rng(0)
    common = rng.dirichlet(np.full(WORDS, 0.3), size=WORDS)
    own = rng.dirichlet(np.full(WORDS, 0.3), size=(10, WORDS))
    after = np.cumsum(0.5 * common + 0.5 * own, axis=-1)
    y = rng.integers(10, size=12000).astype("int32")
    x = np.zeros((len(y), LENGTH), "int32")
    x[:, 0] = rng.integers(WORDS, size=len(y))
    for place in range(1, LENGTH):
        chance = rng.uniform(size=(len(y), 1))
        x[:, place] = np.sum(chance > after[y, x[:, place - 1], :-1], axis=1)
    return _split(x, y)


def _missing_words(data_dir):
    """Lines of Shakespeare and which of ten words is missing in each."""
    path = missing_words.find(data_dir)
    if path is None:
        raise FileNotFoundError(
            "Expected a folder with `tinyshakespeare/input.txt`. Received "
            f"{data_dir}: put a text there and pass its folder as "
            "`--data-dir`, or run other tasks with `--task`."
        )
    return missing_words.missing_words(path)


def _split(x, y):
    return data.Data(x[:-TEST], y[:-TEST], x[-TEST:], y[-TEST:])


MADE = {
    "friedman": _friedman,
    "missing_words": _missing_words,
    "mnist_pixels": _mnist_pixels,
    "sentences": _sentences,
}
