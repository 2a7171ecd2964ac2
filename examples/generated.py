"""Generated data, for runs without a download."""

import numpy as np

from keras_slr.data import Data


def images(train=256, test=128, size=32, classes=10, seed=0):
    """Returns images of stripes. Their direction and colour give the class.

    Args:
        train: Integer, training images. Defaults to `256`.
        test: Integer, test images. Defaults to `128`.
        size: Integer, height and width in pixels. Defaults to `32`.
        classes: Integer. Defaults to `10`.
        seed: Integer. Defaults to `0`.

    Returns:
        `keras_slr.data.Data` of float32 images with entries in `[0, 1]`, and
        integer labels.
    """
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, train + test).astype("int32")
    angles = (np.pi * labels / classes)[:, None, None]
    phases = rng.uniform(0, 2 * np.pi, len(labels))[:, None, None]
    rows, columns = np.indices((size, size)) * (8 * np.pi / size)
    waves = np.sin(np.cos(angles) * columns + np.sin(angles) * rows + phases)
    # The classes divide the colour circle evenly.
    turns = 2 * np.pi * labels[:, None] / classes + np.arange(3) * 2.1
    colours = 0.5 + 0.5 * np.cos(turns)[:, None, None, :]
    x = 0.5 + 0.4 * waves[..., None] * colours
    x += rng.normal(0, 0.05, x.shape)
    x = np.clip(x, 0, 1).astype("float32")
    return Data(x[:train], labels[:train], x[train:], labels[train:])
