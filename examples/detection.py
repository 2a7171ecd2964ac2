"""Prunes object detectors of any library.

The score is COCO's mean average precision on the test images.
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
# Detections with less confidence count for the score but are not drawn.
CONFIDENCE = 0.4
# Colours of the boxes by class. They repeat after the last one.
COLOURS = np.array([[0.1, 0.4, 1.0], [1.0, 0.2, 0.1], [0.0, 0.7, 0.2]])


@dataclasses.dataclass(frozen=True)
class Detector:
    """A detector of a library.

    Attributes:
        build: Function that returns a Keras model. It takes the number of
            classes, the shape of an image, the channels of the first layer,
            and whether the model should be tiny.
        losses: Dict, the losses as arguments of `compile`.
        classes: String, the key of the class numbers in targets and outputs.
    """

    build: collections.abc.Callable
    losses: dict
    classes: str


def detect(detector, doc, width, argv=None):
    """Prunes a detector on the data that the command line names.

    Writes the files of `compare`, and `detections.png`.

    Args:
        detector: `Detector`.
        doc: String, the docstring of the example.
        width: Integer, the default channels of the first layer.
        argv: List of strings. Defaults to `None`, that of the process.

    Returns:
        `examples.comparison.Comparison`.
    """
    parser = arguments.parser(doc, rate=0.8)
    parser.add_argument(
        *("--data", "--dataset"),
        dest="dataset",
        default="bccd",
        help="bccd or a `tfds` name",
    )
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
    """Returns a split of the data that the arguments name, as `Boxed`."""
    if args.dataset != "bccd":
        return from_tfds(args.dataset, split, args.size, args.data_dir)
    if args.data_dir is None:
        raise ValueError(
            "Expected `--data-dir`, a folder with detection/bccd/. Received "
            "none: pass one, or use another `--data` or `--tiny`."
        )
    folder = pathlib.Path(args.data_dir) / "detection" / "bccd"
    return blood_cells(folder, split, args.size)


@dataclasses.dataclass(frozen=True)
class Detection(Task):
    """A `Task` whose `loss` is a dict of a detector's losses."""

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
    """Computes the mAP50 of a detector and keeps its detections.

    Args:
        data: `Boxed`.
        classes: String, see `Detector`.

    Attributes:
        found: List with an entry per call: a list with a dict of `"boxes"`,
            `"classes"` and `"confidence"` for each image.
        averages: List of floats, the mAP of each call.
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
    """Returns the boxes of `Boxed` as a list with a dict per image."""
    return [objects(*of_image) for of_image in zip(data.boxes, data.classes)]


def objects(boxes, classes, confidence=None):
    """Returns a dict of the boxes of an image, without the padding."""
    if confidence is None:
        confidence = np.ones(len(classes))
    found = {"boxes": boxes, "classes": classes, "confidence": confidence}
    there = (classes != ABSENT) & (confidence != ABSENT)
    return {key: value[there] for key, value in found.items()}


def draw(data, found, out, count=3):
    """Draws the true and the detected boxes of the first images.

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
    """Returns an image with entries in `[0, 1]`, with its boxes drawn."""
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
