"""Images to calibrate on, to choose settings by, and to test on."""

import dataclasses
import pathlib
import tempfile

import numpy as np

import keras_slr.data
from benchmarks.quality.jobs import claimed
from benchmarks.quality.jobs import digest
from keras_slr_base.atomic_file import atomic_file

CACHE = pathlib.Path(tempfile.gettempdir(), "keras_slr_benchmarks")
# The last training images, which never calibrate.
VALIDATION = 5000
_NAMES = ("x_train", "y_train", "x_test", "y_test")


@dataclasses.dataclass(frozen=True, eq=False)
class Images:
    """A data set of images, in bytes.

    Attributes:
        x_train: Array of shape `(count, height, width, channels)`.
        y_train: Array of labels.
        x_test: Array like `x_train`.
        y_test: Array of labels.
    """

    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray

    def calibration(self, count, seed):
        """Returns training images, drawn without replacement.

        Args:
            count: Integer.
            seed: Integer.

        Raises:
            ValueError: If there are not as many.
        """
        available = len(self.x_train) - VALIDATION
        if count > available:
            raise ValueError(
                f"Expected at most {available} images to calibrate on: the "
                f"last {VALIDATION} of the training images are for "
                f"validation. Received: {count}."
            )
        rng = np.random.default_rng(seed)
        drawn = rng.choice(available, count, replace=False)
        return scaled(self.x_train[np.sort(drawn)])

    def part(self, name):
        """Returns images in bytes, with labels.

        Args:
            name: `"validation"`, to choose settings by, or `"test"`.
        """
        if name == "test":
            return self.x_test, self.y_test
        return self.x_train[-VALIDATION:], self.y_train[-VALIDATION:]


def load(name, data_dir, cache=CACHE):
    """Returns `Images`.

    Args:
        name: `"cifar10"` or `"mnist"`.
        data_dir: Folder of the data sets, see `keras_slr.data.load`.
        cache: Folder for unpacked copies of what is slow to unpack. Defaults
            to one among the temporary files.
    """
    if name == "cifar10":
        return _cifar10(pathlib.Path(data_dir), pathlib.Path(cache))
    found = keras_slr.data.load(name, data_dir)
    return Images(
        np.uint8(np.rint(255 * found.x_train)),
        found.y_train,
        np.uint8(np.rint(255 * found.x_test)),
        found.y_test,
    )


def scaled(x):
    """Returns images in bytes with float32 entries in `[0, 1]`."""
    return np.divide(x, np.float32(255), dtype="float32")


def _cifar10(data_dir, cache):
    source = data_dir / "cifar10" / "cifar10.npz"
    state = source.stat()
    version = f"{source.resolve()} {state.st_size} {state.st_mtime_ns}"
    folder = cache / f"cifar10_{digest(version.encode())}"
    paths = [folder / f"{name}.npy" for name in _NAMES]
    folder.mkdir(parents=True, exist_ok=True)
    with claimed(folder, wait=True):
        if not all(path.exists() for path in paths):
            with np.load(source) as arrays:
                for path in paths:
                    with atomic_file(path) as made:
                        np.save(made, arrays[path.stem])
    return Images(*(np.load(path, mmap_mode="r") for path in paths))
