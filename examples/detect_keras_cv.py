"""Prunes an object detector of KerasCV.

    python -m examples.detect_keras_cv --data-dir DATA
    python -m examples.detect_keras_cv --dataset voc --size 512 --width 32
    python -m examples.detect_keras_cv --tiny

YOLOV8 has a training step and losses of its own; to SLR it is a model like
every other. DATA is a folder with BCCD, 364 photographs of blood cells, in
`detection/bccd/`; other data sets come through TensorFlow Datasets. Scores
are COCO's mean average precision on the test images.

KerasCV is no longer developed; its successor is KerasHub, for which there is
`examples/detect_keras_hub.py`. KerasCV 0.9.0 runs beside the newest Keras, but
asks for packages that may not be there:

    pip install "keras-slr[vision]" pycocotools
"""

import dataclasses
import pathlib

import keras
import keras_cv
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


def main(argv=None):
    parser = arguments.parser(__doc__, rate=0.8)
    parser.add_argument("--dataset", default="bccd", help="or one of `tfds`")
    parser.add_argument("--size", type=int, default=256, help="of the images")
    parser.add_argument(
        "--width", type=int, default=16, help="channels of the first layer"
    )
    parser.add_argument("--epochs", type=int, default=80)
    args = parser.parse_args(argv)
    keras.utils.set_random_seed(args.seed)
    if args.tiny:
        train, test = shapes(32, seed=0), shapes(8, seed=1)
        width, epochs = 8, (2, 2, 1)
    else:
        train, test = read(args, "train"), read(args, "test")
        width = args.width
        epochs = args.epochs, args.epochs // 2, args.epochs // 8
    score = Score(test)
    task = Detection(
        BoxedBatches(train, BATCH, args.seed),
        score,
        "mAP50",
        None,
        *(Phase(count) for count in epochs),
    )
    model = yolo_v8(len(train.names), train.images.shape[1:], width)
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


def yolo_v8(classes, shape, width):
    """Returns a small YOLOV8 detector with random weights.

    Args:
        classes: Integer, how many there are.
        shape: Tuple, the shape of an image.
        width: Integer, channels of the first layer.
    """
    backbone = keras_cv.models.YOLOV8Backbone(
        stackwise_channels=[width, 2 * width, 4 * width, 8 * width],
        stackwise_depth=[1, 2, 2, 1],
        include_rescaling=True,
        input_shape=shape,
    )
    return keras_cv.models.YOLOV8Detector(
        num_classes=classes,
        bounding_box_format="xyxy",
        backbone=backbone,
        fpn_depth=1,
    )


@dataclasses.dataclass(frozen=True)
class Detection(Task):
    """A `Task` whose losses are those of the detector."""

    def compile(self, model, phase):
        steps = max(phase.epochs * len(self.batches), 1)
        model.compile(
            box_loss="ciou",
            classification_loss="binary_crossentropy",
            optimizer=keras.optimizers.Adam(
                keras.optimizers.schedules.CosineDecay(
                    phase.learning_rate, steps
                ),
                global_clipnorm=10.0,
            ),
        )


class Score:
    """The mAP50 of a detector on images, which keeps what was found.

    Args:
        data: `Boxed`.

    Attributes:
        found: List, for each call the list of detections by image, dicts of
            `"boxes"`, `"classes"` and `"confidence"`.
        averages: List of floats, for each call the mAP.
    """

    def __init__(self, data):
        self.data = data
        self.found = []
        self.averages = []

    def __call__(self, model):
        images = self.data.images.astype("float32")
        raw = model.predict(images, batch_size=BATCH, verbose=0)
        keys = ("boxes", "classes", "confidence")
        arrays = [keras.ops.convert_to_numpy(raw[key]) for key in keys]
        found = [objects(keys, row) for row in zip(*arrays)]
        average, at_50 = mean_average_precision(labels(self.data), found)
        self.found.append(found)
        self.averages.append(average)
        return at_50


def labels(data):
    """Returns the boxes of `Boxed` as a list of dicts, one an image."""
    return [
        objects(("boxes", "classes"), row)
        for row in zip(data.boxes, data.classes)
    ]


def objects(keys, row):
    """Returns a dict of arrays without those that are not there."""
    found = dict(zip(keys, row))
    there = found["classes"] != ABSENT
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
        [with_boxes(data.images[i], column[i]) for column in columns.values()]
        for i in range(count)
    ]
    plot_pictures(pictures, list(columns), pathlib.Path(out, "detections.png"))


def with_boxes(image, found):
    """Returns an image with entries in `[0, 1]` and its boxes drawn in."""
    image = image / 255.0
    edge = len(image) - 1
    sure = found.get("confidence", np.ones(len(found["classes"])))
    for box, kind, score in zip(found["boxes"], found["classes"], sure):
        if score < CONFIDENCE:
            continue
        left, top, right, bottom = np.clip(box, 0, edge).astype(int)
        colour = COLOURS[int(kind) % len(COLOURS)]
        image[[top, bottom], left : right + 1] = colour
        image[top : bottom + 1, [left, right]] = colour
    return image


if __name__ == "__main__":
    main()
