"""Images with lanes, from TuSimple or drawn, and the cells to predict."""

import collections.abc
import dataclasses
import functools
import pathlib

import keras
import numpy as np

from examples import tusimple

# The network predicts two lanes to the left of the car and two to the right.
LANES = 4


@dataclasses.dataclass(frozen=True)
class Size:
    """Input and output sizes of a network for lanes.

    Attributes:
        shape: Tuple, height, width and channels of the images.
        rows: Tuple of integers, the row anchors in pixels of TuSimple.
        cells: Integer, the number of cells in each row.
    """

    shape: tuple
    rows: tuple
    cells: int


@dataclasses.dataclass(frozen=True, eq=False)
class Example:
    """An image with its label.

    Attributes:
        label: `tusimple.Label`.
        image: Function that returns the image, a float32 NumPy array in the
            input shape of the network, with entries in `[0, 1]`.
    """

    label: tusimple.Label
    image: collections.abc.Callable


PUBLISHED = Size((288, 800, 3), tuple(range(160, 720, 10)), 100)
TINY = Size((48, 96, 3), tuple(range(260, 720, 40)), 40)


class Batches(keras.utils.PyDataset):
    """Shuffled batches of images, which are read on demand.

    Args:
        examples: List of `Example`.
        size: `Size`.
        batch_size: Integer.
    """

    def __init__(self, examples, size, batch_size):
        super().__init__()
        self.examples = examples
        self.size = size
        self.batch_size = batch_size
        self.rng = np.random.default_rng(0)
        self.on_epoch_end()

    def __len__(self):
        return -(-len(self.examples) // self.batch_size)

    def __getitem__(self, index):
        rows = self.order[index * self.batch_size :][: self.batch_size]
        batch = [self.examples[row] for row in rows]
        x = np.stack([example.image() for example in batch])
        return x, np.stack([cells_of(e.label, self.size) for e in batch])

    def on_epoch_end(self):
        self.order = self.rng.permutation(len(self.examples))


def cells_of(label, size):
    """Returns the cell of each lane in each row, or `cells` if it has none.

    Args:
        label: `tusimple.Label`.
        size: `Size`.

    Returns:
        NumPy int32 array of `(LANES, anchors)`.
    """
    cells = np.full((LANES, len(size.rows)), size.cells, "int32")
    wanted = np.isin(label.rows, size.rows)
    anchors = np.searchsorted(size.rows, label.rows[wanted])
    for place, lane in _placed(label):
        x = lane[wanted]
        there = (x >= 0) & (x < tusimple.WIDTH)
        cells[place, anchors[there]] = x[there] * size.cells / tusimple.WIDTH
    return cells


def tusimple_lanes(data_dir, size):
    """Returns the training and the test examples of TuSimple.

    Args:
        data_dir: Folder of the challenge's data.
        size: `Size`.

    Raises:
        FileNotFoundError: If the label files are missing.
    """
    folder = pathlib.Path(data_dir or "tusimple")
    train = sorted(folder.glob("label_data_*.json"))
    test = folder / "test_label.json"
    if not train or not test.is_file():
        raise FileNotFoundError(
            "Expected `label_data_*.json` and `test_label.json` in "
            f"`{folder}`. Received a folder without them: get the lane "
            "detection data of github.com/TuSimple/tusimple-benchmark and "
            "pass its folder as `--data-dir`, or try `--tiny`."
        )

    def examples(paths):
        labels = [
            label for path in paths for label in tusimple.read_labels(path)
        ]
        return [
            Example(
                label,
                functools.partial(_image, folder / label.image, size.shape),
            )
            for label in labels
        ]

    return examples(train), examples([test])


def drawn_lanes(count, size, seed):
    """Returns images of a road with two to four lanes that meet at a point.

    Args:
        count: Integer, the number of examples.
        size: `Size`.
        seed: Integer.
    """
    rng = np.random.default_rng(seed)
    rows = np.array(size.rows)
    examples = []
    for _ in range(count):
        meet = rng.uniform(0.4, 0.6) * tusimple.WIDTH, rng.uniform(200, 250)
        width = rng.uniform(0.3, 0.45) * tusimple.WIDTH
        beside = rng.uniform(-0.15, 0.15) * width
        numbers = np.arange(-1.5, 2)[
            rng.integers(0, 2) : 4 - rng.integers(0, 2)
        ]
        bottom = tusimple.WIDTH / 2 + beside + width * numbers[:, None]
        part = (rows - meet[1]) / (tusimple.HEIGHT - meet[1])
        lanes = meet[0] + (bottom - meet[0]) * part
        lanes[(lanes < 0) | (lanes >= tusimple.WIDTH)] = tusimple.ABSENT
        image = _road(rng, meet, bottom[:, 0], size.shape)
        label = tusimple.Label("", rows, lanes)
        examples.append(Example(label, functools.partial(np.copy, image)))
    return examples


def with_lanes(image, rows, lanes):
    """Returns an image with a dot at each point of each lane.

    Args:
        image: NumPy array of `(height, width, 3)`, entries in `[0, 1]`.
        rows: Integer array of `(anchors,)`, in pixels of TuSimple.
        lanes: Float array of `(lanes, anchors)`, in pixels of TuSimple.
    """
    image = image.copy()
    height, width, _ = image.shape
    for lane, colour in zip(lanes, np.eye(3)[[0, 1, 2, 0, 1]]):
        there = lane >= 0
        y = (rows[there] * height / tusimple.HEIGHT).astype(int)
        x = (lane[there] * width / tusimple.WIDTH).astype(int)
        image[y, np.minimum(x, width - 1)] = colour
    return image


def _placed(label):
    """Yields the place and the columns of the lanes nearest to the car.

    Places are numbered from left to right. The first half is to the left of
    the car, and the second half to the right.
    """
    middle = tusimple.WIDTH / 2
    left, right = [], []
    for lane in label.lanes:
        there = lane >= 0
        if there.sum() < 2:
            continue
        line = np.polyfit(label.rows[there], lane[there], 1)
        bottom = np.polyval(line, tusimple.HEIGHT)
        (left if bottom < middle else right).append((bottom, lane))
    half = LANES // 2
    nearest = sorted(left, key=lambda pair: -pair[0])[:half]
    for number, (_, lane) in enumerate(nearest, start=1):
        yield half - number, lane
    nearest = sorted(right, key=lambda pair: pair[0])[:half]
    for number, (_, lane) in enumerate(nearest):
        yield half + number, lane


def _image(path, shape):
    image = keras.utils.load_img(path, target_size=shape[:2])
    return np.float32(image) / 255


def _road(rng, meet, bottom, shape):
    """Draws bright lines on a dark road, from a common point to the bottom."""
    height, width, _ = shape
    y, x = np.indices((height, width)) + 0.5
    y, x = y * tusimple.HEIGHT / height, x * tusimple.WIDTH / width
    part = (y - meet[1]) / (tusimple.HEIGHT - meet[1])
    image = np.where(part > 0, 0.3, 0.6) + rng.normal(0, 0.03, part.shape)
    for end in bottom:
        apart = np.abs(x - meet[0] - (end - meet[0]) * part)
        image[(part > 0) & (apart < 15)] = 0.95
    image = np.clip(image, 0, 1)[..., None]
    return np.broadcast_to(image, shape).astype("float32")
