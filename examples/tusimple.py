"""TuSimple's labels of lanes, and its accuracy.

The format and the metric are those that the benchmark publishes
(github.com/TuSimple/tusimple-benchmark, lane detection).
"""

import dataclasses
import json
import pathlib

import numpy as np

WIDTH, HEIGHT = 1280, 720
# In the place of a column, where a lane is not in a row.
ABSENT = -2
# Pixels to the side of a lane that runs straight down.
_TOLERANCE = 20
# Lanes that count in an image, at most.
_COUNTED = 4


@dataclasses.dataclass(frozen=True, eq=False)
class Label:
    """The lanes of one image.

    Attributes:
        image: String, the path of the image in the folder of the data.
        rows: Integer array of `(anchors,)`, in pixels from the top.
        lanes: Float array of `(lanes, anchors)`: columns in pixels from the
            left, `ABSENT` where a lane is not in the row.
    """

    image: str
    rows: np.ndarray
    lanes: np.ndarray


def read_labels(path):
    """Reads a file of labels, a JSON object a line.

    Args:
        path: Path of the file.

    Returns:
        List of `Label`.

    Raises:
        ValueError: If a line is not a label.
    """
    labels = []
    lines = pathlib.Path(path).read_text().splitlines()
    for number, line in enumerate(lines, start=1):
        try:
            entry = json.loads(line)
            rows = np.array(entry["h_samples"], int)
            lanes = np.array(entry["lanes"], float).reshape(-1, len(rows))
            labels.append(Label(entry["raw_file"], rows, lanes))
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(
                "Expected a JSON object with `raw_file`, `h_samples` and "
                "`lanes` of as many columns as there are rows. Received "
                f"another line {number} in `{path}`: use the label files of "
                "the lane detection challenge."
            ) from error
    return labels


def accuracy(label, found):
    """Returns the share of a label's points that a prediction has.

    A point of a lane is right if the predicted one in its row is less than
    `20 / cos(angle)` pixels to the side, where the angle is that of the
    labelled lane to the vertical; or if both have none there. Each lane counts
    with the predicted lane that has most of its points. Of more than four
    lanes the worst one is not counted. More than two lanes beyond those there
    are make the whole prediction wrong.

    Args:
        label: `Label`.
        found: Float array of `(lanes, anchors)`, as `label.lanes`.
    """
    truth = label.lanes
    if not len(truth) or not len(found) or len(found) > len(truth) + 2:
        return 0.0
    best = [_matching(label.rows, lane, found).max() for lane in truth]
    if len(best) > _COUNTED:
        best.remove(min(best))
    return float(sum(best) / min(len(best), _COUNTED))


def _matching(rows, lane, found):
    """Returns the share of a lane's points in each of the found lanes."""
    tolerance = _TOLERANCE / np.cos(_angle(rows, lane))
    near = np.abs(found - lane) < tolerance
    there, seen = lane >= 0, found >= 0
    right = np.where(there & seen, near, there == seen)
    return right.mean(axis=-1)


def _angle(rows, lane):
    """Returns the angle of a lane to the vertical, in radians."""
    there = lane >= 0
    if there.sum() < 2:
        return 0.0
    slope, _ = np.polyfit(rows[there], lane[there], 1)
    return np.arctan(slope)
