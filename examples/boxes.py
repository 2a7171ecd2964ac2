"""Images with bounding boxes.

Boxes are `(left, top, right, bottom)` in pixels. Class numbers start at zero.
Images with fewer boxes than others are padded with -1.
"""

import dataclasses
import io
import json
import pathlib
import zipfile

import keras
import numpy as np
from PIL import Image

from examples.data import as_numpy
from examples.data import stream

# Pads the boxes and classes of images with few boxes.
ABSENT = -1


@dataclasses.dataclass(frozen=True)
class Boxed:
    """Images of the same size, with their boxes.

    Attributes:
        images: NumPy uint8 array of `(count, size, size, 3)`.
        boxes: NumPy float32 array of `(count, most boxes, 4)`.
        classes: NumPy float32 array of `(count, most boxes)`.
        names: List of strings, the names of the classes.
    """

    images: np.ndarray
    boxes: np.ndarray
    classes: np.ndarray
    names: list


class BoxedBatches(keras.utils.PyDataset):
    """Shuffled batches for `fit`, randomly flipped and rotated.

    This suits images without an upright position, such as those of cells.

    Args:
        data: `Boxed`.
        batch_size: Integer.
        classes: String, the key of the class numbers in the targets.
        seed: Integer. Defaults to `0`.
    """

    def __init__(self, data, batch_size, classes, seed=0):
        super().__init__()
        self.data = data
        self.batch_size = batch_size
        self.classes = classes
        self.rng = np.random.default_rng(seed)
        self.on_epoch_end()

    def __len__(self):
        return len(self.data.images) // self.batch_size

    def __getitem__(self, index):
        rows = self.order[index * self.batch_size :][: self.batch_size]
        turned = [
            turn(
                self.data.images[row],
                self.data.boxes[row],
                *self.rng.random(3) < 0.5,
            )
            for row in rows
        ]
        images, boxes = (np.stack(part) for part in zip(*turned))
        targets = {"boxes": boxes, self.classes: self.data.classes[rows]}
        return images.astype("float32"), targets

    def on_epoch_end(self):
        self.order = self.rng.permutation(len(self.data.images))


def turn(image, boxes, mirrored, upside_down, transposed):
    """Returns an image and its boxes, flipped and transposed as given."""
    size = image.shape[0]
    left, top, right, bottom = np.moveaxis(boxes, -1, 0)
    absent = left == ABSENT
    if mirrored:
        image, left, right = image[:, ::-1], size - right, size - left
    if upside_down:
        image, top, bottom = image[::-1], size - bottom, size - top
    if transposed:
        image = np.swapaxes(image, 0, 1)
        left, top, right, bottom = top, left, bottom, right
    turned = np.stack([left, top, right, bottom], -1)
    turned[absent] = ABSENT
    return image, turned


def blood_cells(folder, split, size):
    """Reads a split of BCCD: red and white blood cells, platelets.

    Args:
        folder: Path of the folder with `images.zip` and `annotations.json`, a
            list of `{image, width, height, boxes, labels, split}`.
        split: String, `"train"`, `"val"` or `"test"`.
        size: Integer, height and width of the returned images in pixels.
    """
    folder = pathlib.Path(folder)
    rows = json.loads((folder / "annotations.json").read_text())
    names = sorted({name for row in rows for name in row["labels"]})
    rows = [row for row in rows if row["split"] == split]
    with zipfile.ZipFile(folder / "images.zip") as archive:
        files = [archive.read(row["image"]) for row in rows]
    boxes = [
        np.array(row["boxes"]) / ([row["width"], row["height"]] * 2)
        for row in rows
    ]
    classes = [[names.index(name) for name in row["labels"]] for row in rows]
    images = [Image.open(io.BytesIO(file)) for file in files]
    return _boxed(images, boxes, classes, names, size)


def from_tfds(name, split, size, data_dir=None):
    """Reads a split of a `tfds` data set that has boxes, such as `"voc"`.

    Args:
        name: String, such as `"voc"`, `"kitti"` or `"coco/2017"`.
        split: String, such as `"train"`.
        size: Integer, height and width of the returned images in pixels.
        data_dir: Folder of `tfds`. Defaults to `None`, its default folder.
    """
    dataset, info = stream(
        name, split, data_dir, as_supervised=False, with_info=True
    )
    images, boxes, classes = [], [], []
    for example in as_numpy(dataset):
        objects = example["objects"]
        images.append(Image.fromarray(example["image"]))
        top, left, bottom, right = np.moveaxis(objects["bbox"], -1, 0)
        boxes.append(np.stack([left, top, right, bottom], -1))
        # KITTI names this feature "type".
        classes.append(objects.get("label", objects.get("type")))
    features = info.features["objects"]
    names = features["label" if "label" in features else "type"].names
    return _boxed(images, boxes, classes, names, size)


def shapes(count, size=64, seed=0):
    """Generates images of discs and squares in noise.

    Args:
        count: Integer, number of images.
        size: Integer, height and width in pixels. Defaults to `64`.
        seed: Integer. Defaults to `0`.
    """
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:size, :size] + 0.5
    images, boxes, classes = [], [], []
    for _ in range(count):
        image = rng.integers(0, 60, (size, size, 3))
        kinds = rng.integers(0, 2, 2)
        # One shape in each half, so that they do not overlap.
        for half, kind in enumerate(kinds):
            radius = rng.uniform(0.1, 0.2) * size
            middle = rng.uniform(radius, size / 2 - radius) + half * size / 2
            height = rng.uniform(radius, size - radius)
            off = np.abs(x - middle), np.abs(y - height)
            inside = np.hypot(*off) if kind else np.maximum(*off)
            image[inside < radius] = (200, 80, 80) if kind else (80, 80, 200)
            edges = [middle - radius, height - radius]
            boxes.append([*edges, *(edge + 2 * radius for edge in edges)])
        images.append(image)
        classes.append(kinds)
    return Boxed(
        np.array(images, "uint8"),
        np.array(boxes, "float32").reshape(count, 2, 4),
        np.array(classes, "float32"),
        ["square", "disc"],
    )


def _boxed(images, boxes, classes, names, size):
    """Returns `Boxed` with resized images, from boxes in relative units."""
    most = max(len(found) for found in classes)
    boxed = Boxed(
        np.stack(
            [
                np.asarray(image.convert("RGB").resize((size, size)))
                for image in images
            ]
        ),
        np.full((len(images), most, 4), ABSENT, "float32"),
        np.full((len(images), most), ABSENT, "float32"),
        names,
    )
    for i, (box, kind) in enumerate(zip(boxes, classes)):
        boxed.boxes[i, : len(kind)] = np.asarray(box) * size
        boxed.classes[i, : len(kind)] = kind
    return boxed
