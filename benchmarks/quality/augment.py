"""Random crops and flips of images, the same on every backend."""

import keras
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

# An image moves by at most so many pixels in each direction.
PAD = 4


class Augmented(keras.utils.PyDataset):
    """Batches of images, shuffled, cropped and flipped in each epoch.

    The seed comes from NumPy's global generator, so
    `keras.utils.set_random_seed` determines all batches. A batch depends only
    on the epoch and its index, because backends read some batches in advance
    or twice.

    Args:
        x: NumPy array of images, channels last.
        y: NumPy array of labels.
        batch: Integer.
    """

    def __init__(self, x, y, batch):
        super().__init__()
        self._x = x
        self._y = y
        self._batch = batch
        self._seed = np.random.randint(2**31)
        self._epoch = -1
        self.on_epoch_end()

    @property
    def num_batches(self):
        return -(-len(self._x) // self._batch)

    def __getitem__(self, index):
        start = index * self._batch
        rows = self._order[start : start + self._batch]
        rng = np.random.default_rng((self._seed, self._epoch, index))
        return _augmented(self._x[rows], rng), self._y[rows]

    def on_epoch_end(self):
        self._epoch += 1
        rng = np.random.default_rng((self._seed, self._epoch))
        self._order = rng.permutation(len(self._x))


def _augmented(images, rng):
    """Returns the images, moved with zero padding and flipped at random."""
    count, height, width, _ = images.shape
    padded = np.pad(images, ((0, 0), (PAD, PAD), (PAD, PAD), (0, 0)))
    windows = sliding_window_view(padded, (height, width), axis=(1, 2))
    top, left = rng.integers(2 * PAD + 1, size=(2, count))
    moved = windows[np.arange(count), top, left].transpose(0, 2, 3, 1)
    flip = rng.integers(2, size=count, dtype=bool)
    return np.where(flip[:, None, None, None], moved[:, :, ::-1], moved)
