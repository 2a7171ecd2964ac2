"""TuSimple's lane labels and its accuracy metric.

Format and metric are as published by the benchmark
(github.com/TuSimple/tusimple-benchmark, lane detection).
"""

import dataclasses
import json
import pathlib

import numpy as np

WIDTH, HEIGHT = 1280, 720
# The column of a lane in rows that it does not cross.
ABSENT = -2
# Horizontal tolerance for a vertical lane, in pixels.
_TOLERANCE = 20
# The largest number of lanes that count in an image.
_COUNTED = 4


@dataclasses.dataclass(frozen=True, eq=False)
class Label:
    """The lanes of one image.

    Attributes:
        image: String, the path of the image in the folder of the data.
        rows: Integer array of `(anchors,)`, in pixels from the top.
        lanes: Float array of `(lanes, anchors)`: columns in pixels from the
            left, `ABSENT` in rows that a lane does not cross.
    """

    image: str
    rows: np.ndarray
    lanes: np.ndarray


def read_labels(path):
    """Reads a label file with a JSON object per line.

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
                "`lanes` with a column for each row. Received something else "
                f"in line {number} of `{path}`: use the label files of the "
                "lane detection challenge."
            ) from error
    return labels


def accuracy(label, found):
    """Returns the share of a label's points that a prediction matches.

    A point matches if the predicted point in its row is less than
    `20 / cos(angle)` pixels away, where `angle` is that between the labelled
    lane and the vertical, or if neither lane crosses the row. Each labelled
    lane is compared with the predicted lane that matches most of its points.
    If a label has more than four lanes, the worst one does not count. A
    prediction with more than two surplus lanes scores zero.

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
    """Returns the share of a lane's points that each found lane matches."""
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
