"""TuSimple's labels and accuracy, and lanes as cells."""

import json

import keras
import numpy as np
import pytest

from examples import lane_examples
from examples import lanes_ultrafast
from examples import tusimple
from examples.models.ultra_fast_lanes import row_anchor_loss

once = pytest.mark.once("NumPy alone")
ROWS = np.arange(300, 700, 100)


def label(*lanes):
    return tusimple.Label("", ROWS, np.array(lanes, float))


@once
def test_points_within_twenty_pixels_are_right():
    truth = label([500, 500, 500, -2])
    found = np.array([[519, 481, 521, -2]], float)
    assert tusimple.accuracy(truth, found) == 3 / 4
    # There where the lane is not, and not there where it is.
    found = np.array([[500, 500, -2, 500]], float)
    assert tusimple.accuracy(truth, found) == 2 / 4


@once
def test_steep_lanes_are_given_more_room():
    # 100 pixels to the side for 100 down: 20 / cos(45 degrees) = 28.3.
    truth = label([200, 300, 400, 500])
    for apart, right in ((28, 1), (29, 0)):
        assert tusimple.accuracy(truth, truth.lanes + apart) == right


@once
def test_lanes_count_with_the_best_of_the_found_ones():
    truth = label([100] * 4, [900] * 4)
    found = np.array([[900, 900, 900, 0], [100] * 4, [500] * 4], float)
    assert tusimple.accuracy(truth, found) == (1 + 3 / 4) / 2
    # One lane too many for two.
    more = np.concatenate([found, found])[:5]
    assert tusimple.accuracy(truth, more) == 0
    assert tusimple.accuracy(truth, found[:0]) == 0


@once
def test_of_five_lanes_the_worst_is_not_counted():
    truth = label(*([100 + 200 * n] * 4 for n in range(5)))
    assert tusimple.accuracy(truth, truth.lanes[1:]) == 1
    assert tusimple.accuracy(truth, truth.lanes[2:]) == 3 / 4


@once
def test_labels_are_read(tmp_path):
    entry = {"raw_file": "a.jpg", "h_samples": [1, 2], "lanes": [[5, -2]]}
    path = tmp_path / "labels.json"
    path.write_text(json.dumps(entry) + "\n" + json.dumps(entry) + "\n")
    first, _ = tusimple.read_labels(path)
    assert first.image == "a.jpg"
    np.testing.assert_array_equal(first.rows, [1, 2])
    np.testing.assert_array_equal(first.lanes, [[5, -2]])
    entry["lanes"] = [[5]]
    path.write_text(json.dumps(entry))
    with pytest.raises(ValueError, match="in line 1 of"):
        tusimple.read_labels(path)


@once
def test_missing_labels_are_asked_for(tmp_path):
    with pytest.raises(FileNotFoundError, match="label_data_"):
        lane_examples.tusimple_lanes(tmp_path, lane_examples.TINY)


@once
def test_lanes_have_places_beside_the_car():
    size = lane_examples.Size((48, 96, 3), tuple(ROWS), cells=40)
    # Two lanes to the left, the farther one first in the label, and three to
    # the right, of which the farthest has no place.
    truth = label([100] * 4, [500] * 4, [1200] * 4, [700] * 4, [1000] * 4)
    cells = lane_examples.cells_of(truth, size)
    np.testing.assert_array_equal(
        cells, np.repeat([[3], [15], [21], [31]], 4, axis=1)
    )
    cells = lane_examples.cells_of(label([-2, 700, 700, -2]), size)
    np.testing.assert_array_equal(cells[2], [40, 21, 21, 40])
    assert np.all(cells[[0, 1, 3]] == 40)


def test_lanes_come_back_from_their_cells():
    size = lane_examples.TINY
    examples = lane_examples.drawn_lanes(8, size, seed=3)
    logits = np.stack(
        [
            30 * np.eye(size.cells + 1)[lane_examples.cells_of(e.label, size)]
            for e in examples
        ]
    ).astype("float32")

    class Perfect:
        def predict(self, x, verbose):
            assert x.shape == (8, *size.shape)
            return logits

    assert lanes_ultrafast.score(Perfect(), examples, size) == 1


@once
def test_lanes_are_drawn_where_the_label_has_them():
    size = lane_examples.TINY
    for example in lane_examples.drawn_lanes(4, size, seed=0):
        image = example.image()
        assert image.shape == size.shape
        for lane in example.label.lanes:
            there = lane >= 0
            rows = np.array(size.rows)[there] * 48 // 720
            columns = (lane[there] * 96 / 1280).astype(int)
            # Bright within a pixel; lanes are thinner than two.
            near = [
                image[rows, np.clip(columns + d, 0, 95), 0] for d in (-1, 0, 1)
            ]
            assert np.all(np.max(near, axis=0) > 0.9)


def test_the_loss_is_that_of_the_paper():
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(2, 3, 5, 8)).astype("float32")
    cell = rng.integers(0, 8, (2, 3, 5))
    found = keras.ops.convert_to_numpy(row_anchor_loss(cell, logits))

    def share(x):
        return np.exp(x) / np.exp(x).sum(-1, keepdims=True)

    picked = np.take_along_axis(share(logits), cell[..., None], -1)
    entropy = -np.log(picked).mean((1, 2, 3))
    similarity = np.abs(np.diff(logits, axis=2)).mean((1, 2, 3))
    place = share(logits[..., :-1]) @ np.arange(7)
    bend = np.abs(np.diff(place, 2, axis=-1)).mean((1, 2))
    np.testing.assert_allclose(found, entropy + similarity + bend, rtol=1e-5)
