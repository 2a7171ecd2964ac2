"""Loads data sets by name, and batches, crops and flips images.

Data comes from local files or from TensorFlow Datasets (`tfds`), which is
imported only if needed:

    pip install "keras-slr[datasets]"
"""

import pathlib

import keras
import numpy as np

import keras_slr.data

# Data sets that `keras_slr.data` reads from a folder.
_LOCAL = ("mnist", "fashion_mnist", "cifar10")
# Pixels of padding before a random crop.
_PADDING = 4


def load(name, data_dir=None):
    """Loads images and labels into memory.

    Args:
        name: String: `"digits"`, which needs no download, or a data set of
            `tfds` with the splits `"train"` and `"test"`.
        data_dir: Folder with local files (`mnist/`, `fashion-mnist/` or
            `cifar10/cifar10.npz`), or the folder of `tfds`. Defaults to
            `None`, the default folder of `tfds`.

    Returns:
        `keras_slr.data.Data`: float32 images with entries in `[0, 1]`, and
        integer labels.

    Raises:
        ImportError: If `tfds` is needed and not installed.
        ConnectionError: If `tfds` cannot load the data.
    """
    if name == "digits" or (name in _LOCAL and _is_local(name, data_dir)):
        return keras_slr.data.load(name, data_dir)
    arrays = []
    for split in ("train", "test"):
        x, y = as_numpy(stream(name, split, data_dir, batch_size=-1))
        arrays += [np.float32(x) / 255, np.int32(y)]
    return keras_slr.data.Data(*arrays)


def stream(name, split, data_dir=None, **options):
    """Returns a split of a `tfds` data set as a `tf.data.Dataset`.

    `fit`, `evaluate` and `predict` accept it on every backend.

    Args:
        name: String, the name of the data set.
        split: String, such as `"train"` or `"train[:90%]"`.
        data_dir: Folder of `tfds`. Defaults to `None`, its default folder.
        **options: Further arguments of `tfds.load`. Defaults to
            `as_supervised=True`, which returns pairs.

    Raises:
        ImportError: If `tfds` is not installed.
        ConnectionError: If `tfds` cannot load the data.
    """
    tfds = _tfds(name)
    options = {"as_supervised": True} | options
    try:
        return tfds.load(name, split=split, data_dir=data_dir, **options)
    # Download errors have no common class.
    except Exception as error:
        raise ConnectionError(
            f"Expected `tfds` to load '{name}'. Received: {error}; check the "
            "network, pass the folder of a local copy as `--data-dir`, or try "
            "`--tiny`."
        ) from error


def as_numpy(dataset):
    """Converts a result of `stream` to NumPy arrays."""
    return _tfds("as arrays").as_numpy(dataset)


def batches(x, y, batch_size, augment=False, seed=0):
    """Returns shuffled batches for `fit`. The last batch may be smaller.

    Args:
        x: NumPy array of inputs.
        y: NumPy array of targets, as many as inputs.
        batch_size: Integer.
        augment: Boolean, whether `x` are images to crop and flip at random.
            Defaults to `False`.
        seed: Integer. Defaults to `0`.

    Returns:
        `tf.data.Dataset` on TensorFlow. `keras.utils.PyDataset` on JAX and
        PyTorch, which therefore do not need TensorFlow.
    """
    if keras.config.backend() == "tensorflow":
        return _tf_batches(x, y, batch_size, augment, seed)
    return Batches(x, y, batch_size, augment, seed)


class Batches(keras.utils.PyDataset):
    """Batches of arrays, shuffled every epoch. See `batches`."""

    def __init__(self, x, y, batch_size, augment, seed):
        super().__init__()
        self.x, self.y = x, y
        self.batch_size = batch_size
        self.augment = augment
        self.rng = np.random.default_rng(seed)
        self.on_epoch_end()

    def __len__(self):
        return -(-len(self.x) // self.batch_size)

    def __getitem__(self, index):
        rows = self.order[index * self.batch_size :][: self.batch_size]
        x = self.x[rows]
        if self.augment:
            x = crop_and_flip(x, self.rng)
        return x, self.y[rows]

    def on_epoch_end(self):
        self.order = self.rng.permutation(len(self.x))


def crop_and_flip(x, rng):
    """Shifts images by up to four pixels and mirrors half of them.

    This is the usual augmentation for CIFAR (arXiv 1512.03385, section 4.2).
    Zeros fill the border.

    Args:
        x: NumPy array of `(batch, height, width, channels)`.
        rng: `np.random.Generator`.
    """
    count, height, width, _ = x.shape
    sides = (_PADDING, _PADDING)
    padded = np.pad(x, ((0, 0), sides, sides, (0, 0)))
    top, left = rng.integers(0, 2 * _PADDING + 1, (2, count, 1))
    rows = top + np.arange(height)
    columns = left + np.arange(width)
    # Reading the columns backwards mirrors an image.
    mirrored = rng.random((count, 1)) < 0.5
    columns = np.where(mirrored, columns[:, ::-1], columns)
    which = np.arange(count)[:, None, None]
    return padded[which, rows[:, :, None], columns[:, None, :]]


def normalised(x):
    """Normalizes images with entries in `[0, 1]` as for pretrained models."""
    mean = np.array([0.485, 0.456, 0.406], "float32")
    return (x - mean) / np.array([0.229, 0.224, 0.225], "float32")


def _tf_batches(x, y, batch_size, augment, seed):
    import tensorflow as tf

    dataset = tf.data.Dataset.from_tensor_slices((x, y))
    dataset = dataset.shuffle(len(x), seed=seed)
    if augment:

        def moved(image, label):
            sides = [_PADDING, _PADDING]
            padded = tf.pad(image, [sides, sides, [0, 0]])
            image = tf.image.random_crop(padded, tf.shape(image), seed=seed)
            return tf.image.random_flip_left_right(image, seed=seed), label

        dataset = dataset.map(moved, num_parallel_calls=tf.data.AUTOTUNE)
    return dataset.batch(batch_size).prefetch(tf.data.AUTOTUNE)


def _is_local(name, data_dir):
    if data_dir is None:
        return False
    names = (name, name.replace("_", "-"))
    return any((pathlib.Path(data_dir) / n).is_dir() for n in names)


def _tfds(name):
    try:
        import tensorflow_datasets as tfds
    except ImportError as error:
        raise ImportError(
            f"Expected TensorFlow Datasets, to load '{name}'. Received an "
            'environment without it: pip install "keras-slr[datasets]", pass '
            "the folder of a local copy as `--data-dir` if the example reads "
            "one, or try `--tiny`."
        ) from error
    return tfds
