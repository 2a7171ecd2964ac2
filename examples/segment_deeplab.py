"""Prunes DeepLabV3+, which classifies each pixel.

    python -m examples.segment_deeplab
    python -m examples.segment_deeplab --tiny

The pictures are those of Oxford-IIIT Pet (pet, background, border), from
TensorFlow Datasets. Tiny mode draws discs and squares. The score is the mean
intersection over union of the classes. `predictions.png` shows pictures, their
true classes and the predictions of the pruned network.
"""

import pathlib

import keras
import numpy as np

from examples import arguments
from examples.comparison import Phase
from examples.comparison import Task
from examples.comparison import compare
from examples.comparison import predict
from examples.data import as_numpy
from examples.data import batches
from examples.data import stream
from examples.models.deeplab import deeplab_v3_plus
from examples.plot import plot_pictures
from keras_slr.data import Data

# Background, disc, square; background, pet, border.
CLASSES = 3
# Height and width of the pictures of pets in pixels.
_SIZE = 160
_SHOWN = 4


def main(argv=None):
    args = arguments.parser(__doc__, rate=0.8).parse_args(argv)
    keras.utils.set_random_seed(args.seed)
    if args.tiny:
        data = shapes()
        # The published dilations are too wide for 4x4 features.
        size = {"rates": (1, 2), "scale": 8}
        phases = Phase(6, 1e-2), Phase(6, 3e-3), Phase(1)
    else:
        data = pets(args.data_dir)
        size = {}
        phases = Phase(40), Phase(20, 5e-4), Phase(5, 1e-4)
    model = deeplab_v3_plus(data.x_train.shape[1:], CLASSES, **size)
    task = Task(
        batches(data.x_train, data.y_train, 16),
        lambda model: mean_iou(data.y_test, classes(model, data.x_test)),
        "mean IoU",
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        *phases,
    )
    comparison = compare(
        model, task, {"rate": args.rate}, args.out, export=not args.tiny
    )
    x, y = data.x_test[:_SHOWN], data.y_test[:_SHOWN]
    found = classes(comparison.model, x)
    plot_pictures(
        [(a, b / 2, c / 2) for a, b, c in zip(x, y, found)],
        ("picture", "truth", "pruned"),
        pathlib.Path(args.out) / "predictions.png",
    )
    return comparison


def classes(model, x):
    """Returns the most likely class of each pixel.

    Args:
        model: Keras model with logits.
        x: NumPy array of `(batch, height, width, channels)`.

    Returns:
        NumPy integer array of `(batch, height, width)`.
    """
    # In parts, because logits need far more memory than classes.
    parts = [x[i : i + 128] for i in range(0, len(x), 128)]
    return np.concatenate([predict(model, p).argmax(axis=-1) for p in parts])


def mean_iou(truth, found):
    """Returns the mean intersection over union of the classes that occur.

    Args:
        truth: NumPy integer array.
        found: NumPy integer array of the same shape.
    """
    shares = []
    for label in range(CLASSES):
        union = np.sum((truth == label) | (found == label))
        if union:
            both = np.sum((truth == label) & (found == label))
            shares.append(both / union)
    return float(np.mean(shares))


def shapes(train=96, test=32, size=32, seed=0):
    """Returns pictures of a disc and a square, and the class of each pixel.

    Args:
        train: Integer, training pictures. Defaults to `96`.
        test: Integer, test pictures. Defaults to `32`.
        size: Integer, height and width in pixels. Defaults to `32`.
        seed: Integer. Defaults to `0`.
    """
    rng = np.random.default_rng(seed)
    count = train + test
    rows, columns = np.indices((size, size))
    y = np.zeros((count, size, size), "int32")
    for label in (1, 2):
        centre = rng.uniform(0.2, 0.8, (2, count, 1, 1)) * size
        radius = rng.uniform(0.15, 0.3, (count, 1, 1)) * size
        apart = np.abs(rows - centre[0]), np.abs(columns - centre[1])
        distance = np.hypot(*apart) if label == 1 else np.maximum(*apart)
        y[distance < radius] = label
    colours = rng.uniform(0, 1, (count, CLASSES, 3))
    x = colours[np.arange(count)[:, None, None], y]
    x = np.clip(x + rng.normal(0, 0.05, x.shape), 0, 1).astype("float32")
    return Data(x[:train], y[:train], x[train:], y[train:])


def pets(data_dir=None):
    """Returns the pictures of Oxford-IIIT Pet in 160x160 pixels.

    Args:
        data_dir: Folder of `tfds`. Defaults to `None`, its default folder.
    """
    arrays = []
    for split in ("train", "test"):
        examples = stream(
            "oxford_iiit_pet", split, data_dir, as_supervised=False
        )
        x, y = zip(*(_resized(e) for e in as_numpy(examples)))
        arrays += [np.stack(x), np.stack(y)]
    return Data(*arrays)


def _resized(example):
    image, mask = example["image"], example["segmentation_mask"]
    image = keras.ops.image.resize(
        np.float32(image) / 255, (_SIZE, _SIZE), data_format="channels_last"
    )
    mask = keras.ops.image.resize(
        np.float32(mask),
        (_SIZE, _SIZE),
        interpolation="nearest",
        data_format="channels_last",
    )
    image, mask = map(keras.ops.convert_to_numpy, (image, mask))
    # The data set numbers pet, background and border 1, 2 and 3.
    return image, np.array([1, 0, 2], "int32")[np.int32(mask[..., 0]) - 1]


if __name__ == "__main__":
    main()
