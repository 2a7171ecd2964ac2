"""Detectors of boxes, whatever library they come from.

Scores are COCO's mean average precision on the test images.
"""

import collections.abc
import dataclasses
import pathlib

import keras
import numpy as np

from examples import arguments
from examples.boxes import ABSENT
from examples.boxes import BoxedBatches
from examples.boxes import blood_cells
from examples.boxes import from_tfds
from examples.boxes import shapes
from examples.coco_metric import mean_average_precision
from examples.comparison import Phase
from examples.comparison import Task
from examples.comparison import compare
from examples.plot import plot_pictures

BATCH = 8
# Detections below it count for the score, but are not drawn.
CONFIDENCE = 0.4
# Colours of the boxes, by class and again from the first.
COLOURS = np.array([[0.1, 0.4, 1.0], [1.0, 0.2, 0.1], [0.0, 0.7, 0.2]])


@dataclasses.dataclass(frozen=True)
class Detector:
    """A detector as its library has it.

    Attributes:
        build: Function of the number of classes, the shape of an image, the
            channels of the first layer and whether it is to be tiny, that
            returns a Keras model.
        losses: Dict, the losses as arguments of its `compile`.
        classes: String, the key of class numbers in targets and outputs.
    """

    build: collections.abc.Callable
    losses: dict
    classes: str


def detect(detector, doc, width, argv=None):
    """Prunes a detector on the data that a command line names.

    Writes what `compare` writes, and `detections.png`.

    Args:
        detector: `Detector`.
        doc: String, the docstring of the example.
        width: Integer, the default channels of the first layer.
        argv: List of strings. Defaults to `None`, the command line.

    Returns:
        `examples.comparison.Comparison`.
    """
    parser = arguments.parser(doc, rate=0.8)
    parser.add_argument("--dataset", default="bccd", help="or one of `tfds`")
    parser.add_argument("--size", type=int, default=256, help="of the images")
    parser.add_argument(
        "--width", type=int, default=width, help="channels of the first layer"
    )
    parser.add_argument("--epochs", type=int, default=80)
    args = parser.parse_args(argv)
    keras.utils.set_random_seed(args.seed)
    if args.tiny:
        train, test = shapes(32, seed=0), shapes(8, seed=1)
        width, epochs = 8, (1, 4, 1)
    else:
        train, test = read(args, "train"), read(args, "test")
        width = args.width
        epochs = args.epochs, args.epochs // 2, args.epochs // 8
    score = Score(test, detector.classes)
    task = Detection(
        BoxedBatches(train, BATCH, detector.classes, args.seed),
        score,
        "mAP50",
        detector.losses,
        *(Phase(count) for count in epochs),
    )
    model = detector.build(
        len(train.names), train.images.shape[1:], width, args.tiny
    )
    plan = {"rate": args.rate}
    comparison = compare(model, task, plan, args.out, not args.tiny)
    for name, value in zip(comparison.rows, score.averages):
        print(f"{name}: mAP {value:.4f}")
    draw(test, dict(zip(comparison.rows, score.found)), args.out)
    return comparison


def read(args, split):
    """Returns `Boxed` of a split of the data that the arguments name."""
    if args.dataset != "bccd":
        return from_tfds(args.dataset, split, args.size, args.data_dir)
    if args.data_dir is None:
        raise ValueError(
            "Expected `--data-dir`, a folder with detection/bccd/. Received "
            "none: give one, or another `--dataset`, or `--tiny`."
        )
    folder = pathlib.Path(args.data_dir) / "detection" / "bccd"
    return blood_cells(folder, split, args.size)


@dataclasses.dataclass(frozen=True)
class Detection(Task):
    """A `Task` whose `loss` is a dict, the losses of a detector by name."""

    def compile(self, model, phase):
        steps = max(phase.epochs * len(self.batches), 1)
        rate = keras.optimizers.schedules.CosineDecay(
            phase.learning_rate, steps
        )
        model.compile(
            optimizer=keras.optimizers.Adam(rate, global_clipnorm=10.0),
            **self.loss,
        )


class Score:
    """The mAP50 of a detector on images, which keeps what was found.

    Args:
        data: `Boxed`.
        classes: String, see `Detector`.

    Attributes:
        found: List, for each call the list of detections by image, dicts of
            `"boxes"`, `"classes"` and `"confidence"`.
        averages: List of floats, for each call the mAP.
    """

    def __init__(self, data, classes):
        self._data = data
        self._keys = "boxes", classes, "confidence"
        self.found = []
        self.averages = []

    def __call__(self, model):
        images = self._data.images.astype("float32")
        raw = model.predict(images, batch_size=BATCH, verbose=0)
        arrays = [keras.ops.convert_to_numpy(raw[key]) for key in self._keys]
        found = [objects(*of_image) for of_image in zip(*arrays)]
        average, at_50 = mean_average_precision(labels(self._data), found)
        self.found.append(found)
        self.averages.append(average)
        return at_50


def labels(data):
    """Returns the boxes of `Boxed` as a list of dicts, one an image."""
    return [objects(*of_image) for of_image in zip(data.boxes, data.classes)]


def objects(boxes, classes, confidence=None):
    """Returns a dict of the boxes of an image that are there."""
    if confidence is None:
        confidence = np.ones(len(classes))
    found = {"boxes": boxes, "classes": classes, "confidence": confidence}
    there = (classes != ABSENT) & (confidence != ABSENT)
    return {key: value[there] for key, value in found.items()}


def draw(data, found, out, count=3):
    """Draws the boxes of the first images, true ones and found ones.

    Args:
        data: `Boxed`.
        found: Dict of lists of detections, see `Score`.
        out: Folder for `detections.png`.
        count: Integer, number of images. Defaults to `3`.
    """
    columns = {"truth": labels(data)} | found
    pictures = [
        [with_boxes(data.images[i], **column[i]) for column in columns.values()]
        for i in range(count)
    ]
    plot_pictures(pictures, list(columns), pathlib.Path(out, "detections.png"))


def with_boxes(image, boxes, classes, confidence):
    """Returns an image with entries in `[0, 1]` and its boxes drawn in."""
    image = image / 255.0
    edge = len(image) - 1
    for box, kind, sure in zip(boxes, classes, confidence):
        if sure < CONFIDENCE:
            continue
        left, top, right, bottom = np.clip(box, 0, edge).astype(int)
        colour = COLOURS[int(kind) % len(COLOURS)]
        image[[top, bottom], left : right + 1] = colour
        image[top : bottom + 1, [left, right]] = colour
    return image
